#!/usr/bin/python3
"""make bench: buzon beside the peers that are installed, in one run, printed as ratios.

usage: bench.py [--count N] [--huge N] [--runs N] [--only mbox|imap|pop|keys]

An mbox and an IMAP folder of N messages (100,000): seconds from the start of the process to the
newest rows on the screen, first time and again; resident memory; bytes received and round trips; of
the IMAP folder also a jump to the oldest message, right after the first open, and a search by subject.
A POP3 maildrop of 10,000: seconds until all is durable here, beside mpop and the bare protocol.
Needs python3-pyte; mutt, alpine and aerc are measured where they are installed.  Writes below the
build folder only (bench/), made on demand.
"""
import argparse
import contextlib
import email.utils
import imaplib
import os
import pathlib
import random
import shutil
import socket
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
try:
    from fullscreen import Tty
except ImportError:
    sys.exit("bench: python3-pyte is missing (Debian package python3-pyte)")
import dovecot
from proxy import Proxy

WORDS = ("report meeting invoice lunch draft release patch holiday photos budget contract question "
         "answer train ticket garden river window paper signal number morning evening").split()
NAMES = ["Marta Ibáñez", "Pedro Gómez", "Lucía Fernández", "Ana Ruiz", "Wei Wang", "John Smith"]
START = 1600000000
OLDEST, SOUGHT = r"number 0000000", "0000123"
TO_OLDEST = {"mutt": "=", "aerc": "G"}


def message(i, rng, median=2000):
    """One plain message; its subject carries its number, so the newest row can be waited for."""
    name = rng.choice(NAMES)
    when = START + i * 600
    head = (f"Return-Path: <sender{i % 97}@example.org>\n"
            f"Received: from mx.example.org (mx.example.org [192.0.2.7])\n\tby mail.example.test "
            f"with ESMTPS id {i:08x}\n\tfor <user@example.test>; {email.utils.formatdate(when)}\n"
            f"From: {email.utils.formataddr((name, f'sender{i % 97}@example.org'))}\n"
            f"To: user@example.test\nSubject: number {i:07d} {rng.choice(WORDS)} {rng.choice(WORDS)}\n"
            f"Date: {email.utils.formatdate(when)}\nMessage-ID: <{i}.{rng.getrandbits(48):x}@example.org>\n"
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
            "Content-Transfer-Encoding: 8bit\n\n")
    body, size = [], int(rng.lognormvariate(0, 0.6) * median)
    while size > 0:
        line = " ".join(rng.choices(WORDS, k=9))
        body.append(line)
        size -= len(line) + 1
    return head + "\n".join(body) + "\n", when


def make_mbox(path, count, median):
    if os.path.exists(path):
        return path
    rng = random.Random(count)
    pool = [message(i, rng, median) for i in range(200)]
    with open(path + ".tmp", "w", encoding="utf-8") as f:
        for i in range(count):
            head, when = message(i, rng, 1)
            body = pool[i % 200][0].split("\n\n", 1)[1]
            f.write("From sender@example.org " + time.asctime(time.gmtime(when)) + "\n")
            f.write(head + body + "\n")
    os.rename(path + ".tmp", path)
    return path


@contextlib.contextmanager
def serve(folder, count, median):
    """A Dovecot whose user has that many messages; its indexes are filled before anybody measures."""
    tree = os.path.join(folder, f"tree-{count}-{median}")
    os.makedirs(tree, exist_ok=True)
    make_mbox(os.path.join(tree, "INBOX.mbox"), count, median)
    began = time.monotonic()
    with dovecot.Dovecot(users={"user": "secret"}, mail={"user": tree}, layout="mbox") as server:
        line = imaplib.IMAP4_SSL("localhost", server.ports["imaps"],
                                 ssl_context=ssl.create_default_context(cafile=server.ca_file))
        line.login("user", "secret")
        line.select("INBOX", readonly=True)
        line.search(None, 'SUBJECT "nothing of the kind"')
        line.logout()
        print(f"a server with {count:,} messages: {time.monotonic() - began:.0f} s to fill")
        yield server


def rows(home):
    """Message rows in buzon's caches below home."""
    total = 0
    for path in pathlib.Path(home, "cache").rglob("*.db"):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db, \
                contextlib.suppress(sqlite3.Error):
            total += db.execute("select count(*) from message").fetchone()[0]
    return total


class Bench:
    def __init__(self, options):
        self.o = options
        self.dir = os.path.join(os.environ["BUILDDIR"], "bench")
        os.makedirs(self.dir, exist_ok=True)
        self.buzon = os.environ["BUZON"]
        self.rows = []
        self.peers = [p for p in ("mutt", "alpine", "aerc") if shutil.which(p)]
        missing = [p for p in ("mutt", "alpine", "aerc") if p not in self.peers]
        if missing:
            print("not installed, left out:", ", ".join(missing))

    def env(self, home):
        env = {"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "USER": "user"}
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            env[f"XDG_{name}_HOME"] = os.path.join(home, name.lower())
        env["BUZON_LOCALEDIR"] = os.path.join(os.environ["BUILDDIR"], "locale")
        return env

    def add(self, what, who, value, unit="s"):
        self.rows.append((what, who, value, unit))
        shown = "not seen" if value is None else f"{value:.3f} {unit}" if unit == "s" else f"{value:.1f} {unit}"
        print(f"  {what:44s} {who:8s} {shown}", flush=True)

    def run(self, argv, env, steps, timeout=90):
        """Start, do the steps ('wait REGEX' | 'send KEYS'); seconds of the last wait, and the tty."""
        tty = Tty(argv, env)
        first, took = tty.since, None
        for verb, arg in steps:
            if verb == "wait":
                took = tty.wait(arg, timeout)
                if took is None:
                    print(tty.text().rstrip(), file=sys.stderr)
                    break
                took = time.monotonic() - first
            else:
                tty.send(arg)
        return took, tty

    def filled(self, tty, home, what, count):
        """Wait until every message has its row in the cache; say how long that took."""
        end = time.monotonic() + 900
        while rows(home) < count and time.monotonic() < end:
            tty.pump(0.2)
        self.add(what + ", all rows", "buzon", time.monotonic() - tty.since)
        tty.settle(1)
        self.add(what + ", memory once filled", "buzon", tty.memory("VmRSS"), "MiB RSS")
        self.add(what + ", memory at most", "buzon", tty.memory("VmHWM"), "MiB HWM")

    # --- mbox ----------------------------------------------------------------------------------

    def mbox(self, count):
        path = make_mbox(os.path.join(self.dir, f"mail-{count}.mbox"), count, 2000)
        newest = rf"number {count - 1:07d}"
        what = f"mbox of {count:,}"
        print(f"{what}: {os.path.getsize(path) / 1e6:.0f} MB")
        open(path, "rb").read()  # warm page cache for all
        with tempfile.TemporaryDirectory() as home:
            first = []
            for i in range(self.o.runs):
                shutil.rmtree(os.path.join(home, "cache"), ignore_errors=True)
                took, tty = self.run([self.buzon, path], self.env(home), [("wait", newest)])
                first.append(took)
                if i == self.o.runs - 1:
                    self.filled(tty, home, what, count)
                tty.close()
            self.median(what + ", first open to newest rows", "buzon", first)
            again = [self.timed([self.buzon, path], self.env(home), newest) for _ in range(self.o.runs)]
            self.median(what + ", opened again", "buzon", again)
        if count > 200000:
            return
        if "mutt" in self.peers:
            self.mutt_mbox(path, what, newest)

    def timed(self, argv, env, pattern):
        took, tty = self.run(argv, env, [("wait", pattern)])
        tty.close()
        return took

    def median(self, what, who, values):
        seen = [v for v in values if v is not None]
        self.add(what, who, statistics.median(seen) if seen else None)

    def mutt_mbox(self, path, what, newest):
        with tempfile.TemporaryDirectory() as home:
            rc = os.path.join(home, "muttrc")
            with open(rc, "w") as f:
                f.write("set folder=~\nset sort=mailbox-order\nset read_inc=0\n")
            argv = ["mutt", "-R", "-F", rc, "-f", path, "-e", "push <last-entry>"]
            took = []
            for i in range(self.o.runs):
                t, tty = self.run(argv, self.env(home), [("wait", newest)])
                took.append(t)
                if i == self.o.runs - 1:
                    self.add(what + ", memory once filled", "mutt", tty.memory("VmRSS"), "MiB RSS")
                tty.close()
            self.median(what + ", first open to newest rows", "mutt", took)

    # --- IMAP ----------------------------------------------------------------------------------

    def imap(self, count, peers=True):
        newest = rf"number {count - 1:07d}"
        what = f"IMAP folder of {count:,}"
        with tempfile.TemporaryDirectory(prefix="bzbench") as home, \
                serve(self.dir, count, 600) as server:
            self.imap_buzon(server, home, what, newest, count)
            if peers:
                self.imap_peers(server, home, what, newest)

    def account(self, home, port, ca, protocol="imap"):
        os.makedirs(os.path.join(home, "config", "buzon"), mode=0o700, exist_ok=True)
        rc = os.path.join(home, "config", "buzon", "buzonrc")
        with open(os.open(rc, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(f'[account "big"]\nprotocol = {protocol}\nserver = localhost:{port}\nuser = user\n'
                    f"address = user@example.test\npassword = secret\ntls-ca-file = {ca}\n")

    def imap_buzon(self, server, home, what, newest, count):
        for label, rtt, rate in (("", 0, 0), (" 50 ms RTT", 0.05, 2.5e6)):
            proxy = Proxy(server.ports["imaps"], rtt, rate)
            mine = os.path.join(home, "buzon" + label.strip().replace(" ", ""))
            os.makedirs(mine)
            self.account(mine, proxy.port, server.ca_file)
            first, jumps = [], []
            for i in range(self.o.runs):
                shutil.rmtree(os.path.join(mine, "cache"), ignore_errors=True)
                proxy.reset()
                took, tty = self.run([self.buzon], self.env(mine), [("wait", newest)])
                first.append(took)
                down, turns = proxy.down, proxy.turns
                jumps.append(self.after(tty, "G", OLDEST))
                if i == self.o.runs - 1 and not label:
                    self.filled(tty, mine, what, count)
                tty.close()
            self.median(what + label + ", first open", "buzon", first)
            self.median(what + label + ", then to the oldest", "buzon", jumps)
            self.add(what + label + ", received by then", "buzon", down / 1024, "KiB")
            self.add(what + label + ", turns (TLS included)", "buzon", turns, "turns")
            again = [self.timed([self.buzon], self.env(mine), newest) for _ in range(self.o.runs)]
            self.median(what + label + ", opened again", "buzon", again)
            if not label:
                _, tty = self.run([self.buzon], self.env(mine), [("wait", newest)])
                self.add(what + ", search by subject", "buzon",
                         self.after(tty, f"lsubject:{SOUGHT}\r", rf"1 of (.|\n)*number {SOUGHT}"))
                tty.close()

    @staticmethod
    def after(tty, keys, pattern):
        tty.send(keys)
        return tty.wait(pattern, 90)

    def imap_peers(self, server, home, what, newest):
        proxy = Proxy(server.ports["imaps"])
        makers = {"mutt": self.mutt_imap, "alpine": self.alpine_imap, "aerc": self.aerc_imap}
        for peer in self.peers:
            mine = os.path.join(home, peer)
            os.makedirs(mine)
            argv, env, steps = makers[peer](mine, proxy.port, server.ca_file, newest)
            for again in ("first open", "opened again"):
                proxy.reset()
                took, tty = self.run(argv, env, steps)
                self.add(f"{what}, {again}", peer, took)
                if again == "first open":
                    self.add(what + ", received by then", peer, proxy.down / 1024, "KiB")
                    self.add(what + ", memory once filled", peer, tty.memory("VmRSS"), "MiB RSS")
                    if peer in TO_OLDEST:
                        self.add(what + ", then to the oldest", peer, self.after(tty, TO_OLDEST[peer], OLDEST))
                elif peer == "mutt":
                    self.add(what + ", search by subject", peer,
                             self.after(tty, f"l~s {SOUGHT}\r", rf"number {SOUGHT}"))
                tty.close()

    def mutt_imap(self, home, port, ca, newest):
        rc = os.path.join(home, "muttrc")
        with open(rc, "w") as f:
            f.write(f"set certificate_file={ca}\nset imap_pass=secret\nset folder=imaps://user@localhost:{port}/\n"
                    f"set spoolfile=imaps://user@localhost:{port}/INBOX\nset sort=mailbox-order\n"
                    f"set header_cache={home}/hc\nset read_inc=0\nset net_inc=0\n")
        return ["mutt", "-F", rc, "-e", "push <last-entry>"], self.env(home), [("wait", newest)]

    def alpine_imap(self, home, port, ca, newest):
        with open(os.path.join(home, ".pinerc"), "w") as f:
            f.write(f"inbox-path={{localhost:{port}/ssl/novalidate-cert/user=user}}INBOX\n"
                    "sort-key=Arrival/Reverse\nlast-version-used=6.26\n"
                    "feature-list=quell-folder-internal-msg,enable-background-sending\ninitial-keystroke-list=\n")
        env = self.env(home)
        return ["alpine", "-i"], env, [("wait", "Ret.? Accept"), ("send", "secret\r"),
                                ("wait", "Preserve password"), ("send", "n"), ("wait", newest)]

    def aerc_imap(self, home, port, ca, newest):
        conf = os.path.join(home, "config", "aerc")
        os.makedirs(conf, mode=0o700)
        with open(os.open(os.path.join(conf, "accounts.conf"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(f"[big]\nsource = imaps://user:secret@localhost:{port}\ndefault = INBOX\n"
                    "from = User <user@example.test>\n")
        env = self.env(home)
        env["SSL_CERT_FILE"] = ca
        return ["aerc"], env, [("wait", newest)]

    # --- POP -----------------------------------------------------------------------------------

    def pop(self, count):
        """Beside mpop and the bare protocol: log in, ask for all at once, count what comes."""
        with tempfile.TemporaryDirectory(prefix="bzbench") as home, \
                serve(self.dir, count, 2300) as server:
            for label, rtt in (("", 0), (", 50 ms RTT", 0.05)):
                proxy = Proxy(server.ports["pop3s"], rtt)
                port = proxy.port if rtt else server.ports["pop3s"]
                what = f"POP, {count:,} messages{label}"
                runs = [self.pop_bare(port, server.ca_file, count) for _ in range(self.o.runs)]
                self.median(what + ", first download", "bare", runs)
                for who, start in (("buzon", self.pop_buzon), ("mpop", self.pop_mpop)):
                    if who == "mpop" and not shutil.which("mpop"):
                        print("not installed, left out: mpop")
                        continue
                    first, again = [], []
                    for i in range(self.o.runs):
                        mine = os.path.join(home, f"{who}-{rtt}-{i}")
                        os.makedirs(mine)
                        run = start(mine, port, server.ca_file)
                        first.append(self.seconds(run))
                        proxy.reset()
                        again.append(self.seconds(run))
                    self.median(what + ", first download", who, first)
                    self.median(what + ", nothing new", who, again)
                    if rtt:
                        self.add(what + ", nothing new, turns (TLS included)", who, proxy.turns, "turns")

    @staticmethod
    def seconds(run):
        began = time.monotonic()
        done = subprocess.run(run[0], env=run[1], stdin=subprocess.DEVNULL, capture_output=True)
        return time.monotonic() - began if done.returncode == 0 else None

    def pop_buzon(self, home, port, ca):
        self.account(home, port, ca, "pop")
        return [self.buzon, "fetch"], self.env(home)

    def pop_mpop(self, home, port, ca):
        rc = os.path.join(home, ".mpoprc")
        with open(os.open(rc, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(f"account big\nhost localhost\nport {port}\ntls on\ntls_starttls off\n"
                    f"tls_trust_file {ca}\nuser user\npassword secret\nkeep on\nauth user\n"
                    f"uidls_file {home}/uidls\ndelivery mbox {home}/inbox\n")
        return ["mpop", "-q", "-C", rc, "big"], self.env(home)

    @staticmethod
    def pop_bare(port, ca, count):
        """Every answer is read and thrown away."""
        began = time.monotonic()
        context = ssl.create_default_context(cafile=ca)
        with context.wrap_socket(socket.create_connection(("localhost", port)),
                                 server_hostname="localhost") as line:
            def until(enough):
                tail, seen = b"", 0
                while seen < enough:
                    data = line.recv(1 << 16)
                    if not data:
                        return False
                    seen += (tail + data).count(b"\r\n.\r\n") - tail.count(b"\r\n.\r\n")
                    tail = (tail + data)[-4:]
                return True
            line.recv(1000)
            line.sendall(b"USER user\r\nPASS secret\r\nUIDL\r\nLIST\r\n")
            ok = until(2)
            for first in range(1, count + 1, 1000):
                last = min(count, first + 999)
                line.sendall(b"".join(b"RETR %d\r\n" % i for i in range(first, last + 1)))
                ok = ok and until(last - first + 1)
        return time.monotonic() - began if ok else None

    # --- keys while the server is silent ---------------------------------------------------------

    def keys(self):
        """The server stopped at login, in the filling, at a message, in a download: how long a key
        takes, and leaving. The one part whose figures are limits."""
        with tempfile.TemporaryDirectory(prefix="bzbench") as home, \
                serve(self.dir, 20000, 600) as server:
            imap, pop = os.path.join(home, "imap"), os.path.join(home, "pop")
            self.account(imap, server.ports["imaps"], server.ca_file)
            self.account(pop, server.ports["pop3s"], server.ca_file, "pop")
            newest = ("wait", "number 0019999")
            self.stopped(server, imap, "listing", [newest])
            self.stopped(server, imap, "a message", [newest, ("wait", "big online"), ("send", "j")])
            self.stopped(server, imap, "login", [newest], before=True)
            self.stopped(server, pop, "a download", [("wait", r"downloading [1-9]")])

    def stopped(self, server, home, where, steps, before=False):
        """Do the steps with the server stopped before them or behind them; then j and k in turn."""
        if before:
            server.pause()
        _, tty = self.run([self.buzon], self.env(home), steps)
        if not before:
            server.pause()
        tty.wait("number 00", 5)
        tty.send("gg")
        tty.settle(0.5)
        row = tty.screen.cursor.y
        worst = max(self.key(tty, *pair) for pair in [("j", row + 1), ("k", row)] * 10)
        self.limit(f"server stopped at {where}: slowest of 20 keys", worst, 0.1)
        tty.send("q")
        while tty.alive and time.monotonic() - tty.since < 5:
            tty.pump(0.05)
        self.limit(f"server stopped at {where}: q leaves in", time.monotonic() - tty.since, 1)
        tty.close()
        server.resume()

    @staticmethod
    def key(tty, key, row):
        """Seconds until the cursor stands in that row."""
        tty.send(key)
        while tty.screen.cursor.y != row and time.monotonic() - tty.since < 5:
            tty.pump(0.05)
        return time.monotonic() - tty.since

    def limit(self, what, value, most):
        self.add(what, "buzon", value)
        if value > most:
            print(f"  over the limit of {most} s")
            self.failed = True

    failed = False

    def ratios(self):
        print("\nratios (peer / buzon; above 1 buzon is faster or smaller)")
        mine = {what: value for what, who, value, _ in self.rows if who == "buzon"}
        for what, who, value, _ in self.rows:
            if who != "buzon" and value and mine.get(what):
                print(f"  {what:44s} {who:8s} {value / mine[what]:8.1f}")


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--count", type=int, default=100000)
    p.add_argument("--huge", type=int, default=0, help="ours also at this many (1000000)")
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--only", default="")
    o = p.parse_args()
    b = Bench(o)
    parts = {"mbox": lambda: b.mbox(o.count), "imap": lambda: b.imap(o.count),
             "pop": lambda: b.pop(min(o.count, 10000)), "keys": b.keys}
    for name, part in parts.items():
        if o.only in ("", name):
            part()
    if o.huge:
        if o.only in ("", "mbox"):
            b.mbox(o.huge)
        if o.only in ("", "imap"):
            b.imap(o.huge, peers=False)
    b.ratios()
    sys.exit(1 if b.failed else 0)


if __name__ == "__main__":
    main()
