#!/usr/bin/env python3
"""How much of an IMAP account is kept here: rows (keep) and texts (keep-bodies), on a real Dovecot."""

import os
import pathlib
import pty
import re
import select
import signal
import sqlite3
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE.parent / "bench"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
from changing import Device, listed  # noqa: E402
from dovecot import Dovecot, Message, Missing  # noqa: E402
from fake import Home  # noqa: E402
from proxy import Proxy  # noqa: E402
from reading import MB, PROSE, file, head, multi, part  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

PATIENCE = 60
OLD, NEW = 2000, 300
NOW = int(time.time())
LONG_AGO = NOW - 100 * 86400


def letter(i, received):
    return Message(b"From: Eva <eva@example.org>\nSubject: letter %d\nMessage-ID: <l%d@example.org>\n\nhello\n"
                   % (i, i), received=received)


def old_and_new():
    """The last of the old ones was put there lately: it is old among new ones."""
    mail = [letter(i, LONG_AGO if i <= OLD else NOW) for i in range(1, OLD + NEW + 1)]
    mail[-50].received = LONG_AGO
    return mail


# --- rows ----------------------------------------------------------------------------------------


def home_at(server, more):
    return Home("imap", server.ports["imaps"], "tls", server.ca_file, "secret", more=more)


def uids_of(done):
    return set(listed(done)[0]) if done.returncode == 0 else set()


def newest(n):
    return set(range(OLD + NEW - n + 1, OLD + NEW + 1))


def check_days(server):
    with home_at(server, "keep = 2d\n") as home:
        done = home.run("list", "Casa", "--json")
        first = uids_of(done)
        test("keep = 2d: all that is new is listed, and of what is old less than two batches",
             newest(NEW) <= first and len(first) < NEW + 1000, (len(first), done.stderr))
        test("side by side, from the newest on", first == newest(len(first)), sorted(first)[:5])
        again = home.run("list", "Casa", "--json")
        test("listed again it is the same", uids_of(again) == first, (len(uids_of(again)), again.stderr))
        more = home.run("list", "Casa", "--json", "--limit", "1500")
        test("older ones come when they are asked for", uids_of(more) == newest(1500), (len(uids_of(more)), more.stderr))
        found = home.run("list", "Casa", "--match", 'subject:"letter 17"')
        test("one that is not listed is found on the server", b"letter 17" in found.stdout, found)
        device = Device(server, 1)
        device.line.uid("STORE", str(OLD + 5), "+FLAGS.SILENT", "(\\Deleted)")
        device.line.uid("STORE", str(OLD - 700), "+FLAGS.SILENT", "(\\Flagged)")
        device.line.expunge()
        then = home.run("list", "Casa", "--json", "--limit", "1400")
        state, want = listed(then)[0], device.state()
        test("what others change of it is followed", OLD + 5 not in state and len(state) == 1400
             and all(state[uid] == want[uid] for uid in state), (len(state), then.stderr))


def check_seen(server):
    with home_at(server, "keep = seen\n") as home:
        done = home.run("list", "Casa", "--json", "--limit", "5")
        test("keep = seen: five are asked for, five come", len(uids_of(done)) == 5, done)
        with sqlite3.connect(home.path / ".cache/buzon/casa/cache.db") as db:
            n = db.execute("SELECT count(*) FROM message").fetchone()[0]
        test("and hardly more are known", n <= 40, n)
        more = home.run("list", "Casa", "--json", "--limit", "900")
        test("more come when they are asked for", len(uids_of(more)) == 900, (len(uids_of(more)), more.stderr))


def check_all(server):
    with home_at(server, "") as home:
        done = home.run("list", "Casa", "--json")
        test("without the key all of it is listed", uids_of(done) == set(Device(server, 1).uids()),
             (len(uids_of(done)), done.stderr))


# --- texts ---------------------------------------------------------------------------------------

TEXTS = {
    1: head(1, b"text/plain") + b"plain and short\n",
    2: head(2, b"multipart/mixed; boundary=A") + multi(
        b"mixed", b"A", part(b"text/plain", PROSE), file(b"application/zip", 5 * MB)),
    3: head(3, b"text/plain") + b"And so it goes on, line after line.\n" * 20000,
    4: head(4, b"multipart/alternative; boundary=A") + multi(
        b"alternative", b"A", part(b"text/plain", b"the plain form\n"), part(b"text/html", b"<p>the other</p>\n")),
    5: head(5, b"text/plain") + b"the newest\n",
}
KEPT = {1, 2, 4, 5}  # the third is too long to come unasked


class Screen:
    """buzon in a pty that somebody reads."""

    def __init__(self, home):
        self.pid, self.line = pty.fork()
        if self.pid == 0:
            os.environ.update(HOME=str(home.path), TERM="xterm-256color", LINES="30", COLUMNS="100", LANG="C.UTF-8")
            os.execv(os.environ["BUZON"], ["buzon"])
        self.over, self.seen = False, b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while not self.over:
            if select.select([self.line], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.line, 65536)
                except OSError:
                    return

    def wait(self, i):
        """Until that letter was drawn."""
        return wait_for(lambda: re.search(rb"letter %d\b" % i, self.seen))

    def type(self, keys):
        self.seen = b""
        os.write(self.line, keys)

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        self.over = True
        self.reader.join()
        os.close(self.line)


def kept_of(home):
    try:
        with sqlite3.connect(f"file:{home.path}/.cache/buzon/casa/bodies.db?mode=ro", uri=True) as db:
            return {row[0] for row in db.execute("SELECT uid FROM kept WHERE folder IS NOT NULL")}
    except sqlite3.Error:
        return set()


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def proxied(server, more):
    proxy = Proxy(server.ports["imaps"])
    home = Home("imap", proxy.port, "tls", "ca.pem", "secret", more=more)
    (home.path / "ca.pem").write_bytes(pathlib.Path(server.ca_file).read_bytes())
    return proxy, home


def rows_of(home):
    with sqlite3.connect(f"file:{home.path}/.cache/buzon/casa/cache.db?mode=ro", uri=True) as db:
        return {uid: (flags & 4 != 0) for uid, flags in db.execute(
            "SELECT uid, flags FROM message WHERE folder = (SELECT id FROM folder WHERE name = 'INBOX')")}


def check_screen():
    """What is left out is a jump away, and all that is known is followed."""
    with Dovecot(mail={"ana": {"INBOX": old_and_new()}}) as server, home_at(server, "keep = seen\n") as home:
        screen = Screen(home)
        good = screen.wait(OLD + NEW)
        screen.type(b"G")
        good = good and screen.wait(1) and screen.wait(2)
        test("keep = seen: the oldest are a jump away", good, screen.seen[-2000:])
        n = len(rows_of(home))
        test("and nothing between is listed", n < 400, n)
        device = Device(server, 1)
        device.line.uid("STORE", "2", "+FLAGS.SILENT", "(\\Flagged)")
        device.line.uid("STORE", "1," + str(OLD + NEW - 3), "+FLAGS.SILENT", "(\\Deleted)")
        device.line.expunge()
        device.add(1)
        test("what others do to those rows is followed", wait_for(lambda: (
            lambda rows: rows.get(2) and not {1, OLD + NEW - 3} & set(rows) and OLD + NEW + 1 in rows)(rows_of(home))),
            (rows_of(home).get(2), len(rows_of(home))))
        test("and still nothing else is listed", len(rows_of(home)) <= n + 60, (n, len(rows_of(home))))
        screen.close()


def check_emptied():
    """What is not listed is not forgotten."""
    trash = [letter(i, LONG_AGO) for i in range(1, 301)]
    with Dovecot(mail={"ana": {"INBOX": [letter(1, NOW)], "Trash": trash}}) as server, \
            home_at(server, "keep = seen\n") as home:
        screen = Screen(home)
        good = screen.wait(1) and wait_for(lambda: b"Trash" in screen.seen)
        screen.type(b"gt")
        good = good and screen.wait(300)
        screen.type(b":empty-trash\r")
        good = good and wait_for(lambda: b"y/n" in screen.seen)
        screen.type(b"y")
        device = Device(server, 1, "Trash")
        test("an emptied Trash is empty, what was not listed too", good and wait_for(lambda: not device.uids()),
             (good, len(device.uids()), screen.seen[-500:]))
        screen.close()


def check_texts():
    server = Dovecot(mail={"ana": {"INBOX": [TEXTS[uid] for uid in sorted(TEXTS)]}})
    with server:
        proxy, home = proxied(server, "keep-bodies = all\n")
        with home:
            screen = Screen(home)
            test("keep-bodies = all: texts that nobody opened are kept", wait_for(lambda: kept_of(home) == KEPT),
                 kept_of(home))
            screen.close()
            test("no attachment and no very long text came with them", proxy.down < 100000, proxy.down)
            flags = Device(server, 1).state()
            test("nothing is marked as read", not any("seen" in str(one) for one in flags.values()), flags)
            server.stop()
            shown = {uid: home.run("show", f"Casa:{uid}") for uid in TEXTS}
            test("without the server they open", all(shown[uid].returncode == 0 and not shown[uid].stderr for uid in KEPT)
                 and b"text that is read" in shown[2].stdout and b"f.bin" in shown[2].stdout
                 and b"the plain form" in shown[4].stdout and b"the newest" in shown[5].stdout, shown)
            test("the long one needs the server", shown[3].returncode == 75, shown[3])


def check_texts_of_days():
    mail = [letter(i, NOW if i in (2, 4, 5) else LONG_AGO) for i in range(1, 6)]
    with Dovecot(mail={"ana": {"INBOX": mail}}) as server, home_at(server, "keep-bodies = 2d\n") as home:
        screen = Screen(home)
        good = wait_for(lambda: kept_of(home) == {2, 4, 5})
        device = Device(server, 1)
        device.add(1)
        test("keep-bodies = 2d: what is older is not kept; what arrives is",
             good and wait_for(lambda: kept_of(home) == {2, 4, 5, 6}), kept_of(home))
        screen.close()


BIG = 150000


def check_room():
    """1M: about six of those have room."""
    mail = [head(i, b"text/plain") + b"x" * 70 + b"\n" + (b"y" * 70 + b"\n") * (BIG // 71) for i in range(1, 21)]
    with Dovecot(mail={"ana": {"INBOX": mail}}) as server:
        proxy, home = proxied(server, "keep-bodies = all\nbody-cache = 1M\n")
        with home:
            screen = Screen(home)

            def is_still():
                before = (proxy.down, kept_of(home))
                time.sleep(0.5)
                return len(before[1]) > 3 and before == (proxy.down, kept_of(home))

            good = wait_for(is_still)
            kept = kept_of(home)
            screen.close()
            size = (home.path / ".cache/buzon/casa/bodies.db").stat().st_size
            test("where there is no more room it stops, and the newest stay", good and size <= 1000000
                 and kept == set(range(21 - len(kept), 21)) and 4 <= len(kept) <= 7, (kept, size))
            test("and no more is fetched than fits, and one", proxy.down < (len(kept) + 3) * BIG, proxy.down)


# --- all of it -----------------------------------------------------------------------------------


def main():
    try:
        with Dovecot(mail={"ana": {"INBOX": old_and_new()}}) as server:
            check_seen(server)
            check_days(server)
            check_all(server)
        check_screen()
        check_emptied()
        check_texts()
        check_texts_of_days()
        check_room()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    tap.done()


if __name__ == "__main__":
    main()
