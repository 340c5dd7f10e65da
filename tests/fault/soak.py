#!/usr/bin/env python3
"""One buzon for a long time, on an IMAP and a POP account: letters come and go, lines are cut, screens are
opened and closed, the window has another size. After a warm-up its descriptors and threads are the same in
every round, and its memory does not grow.

    soak.py [--seconds N | --minutes N]     7 seconds by default; `make soak` runs 30 minutes

Memory: RssAnon of the last third of the run against the third before it, medians of both, so that no single
moment decides. It may grow by 64 KB and 100 bytes for each round between the two: from 400 such rounds on
(15 minutes) a leak of one row of a list, some 300 bytes, a round breaks that. What is kept of the messages
that were said (500) takes up to 100 KB, and ten minutes of this to be full. A short run has 2 MB, for it
still warms up.
"""

import argparse
import fcntl
import imaplib
import os
import pathlib
import pty
import random
import re
import select
import signal
import statistics
import struct
import sys
import termios
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from cutter import Cutter  # noqa: E402
from dovecot import Dovecot, Missing  # noqa: E402
from fake import LIMIT, SANITIZED, Home  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

SECONDS, LETTERS, KEPT = 7, 120, 150
LONG = 300  # samples from which a run is a long one
SIZES = ((24, 80), (36, 120), (12, 40), (50, 160))
QUIET = 0.03  # seconds without a byte: the screen is drawn
RC = """[account "Casa"]
protocol = imap
server = localhost:{imap}
security = none
user = ana
password = secret
address = ana@example.org

[account "Trabajo"]
protocol = pop
server = localhost:{pop}
security = none
user = eva
password = secret
address = eva@example.org
leave-on-server = none
"""
# Keys of one visit each; all end where they began.
BACK = "\x1bOD"  # not q, which leaves the program where nothing was opened
VISITS = ("?\x1b", "E\x1b", "\r" + BACK, "\r jj" + BACK, "\rhh" + BACK, "\rHH" + BACK, "/letter\r\x1b",
          "lis:flagged\r\x1b", ":quota\r\x1b", "oo",
          "zz", "BB", "Ggg", ":sync\x1b", "c\x1b", "Uu", "FF", "Au", "du\x12u", "tjtj\x1b", "JK", "JJKK")


def letter(i):
    return (f"From: Eva {i % 7} <eva@example.org>\r\nTo: ana@example.org\r\nSubject: letter {i}\r\n"
            f"Date: Mon, 2 Nov 2020 10:00:00 +0000\r\nMessage-ID: <l{i}@example.org>\r\n\r\n"
            + "hello, and some more\r\n" * (i % 60)).encode()


class Screen:
    """buzon in a pty. What it draws is read and forgotten."""

    def __init__(self, home):
        names = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.clear()
            os.environ.update(kept, HOME=str(home.path), LANG="C.UTF-8", TERM="xterm-256color")
            os.execv(BUZON, [BUZON])
        self.drawn = 0

    def drain(self, quiet=QUIET):
        until = time.monotonic() + LIMIT
        while select.select([self.fd], [], [], quiet)[0] and time.monotonic() < until:
            try:
                self.drawn += len(os.read(self.fd, 65536))
            except OSError:
                raise EOFError(f"it ended: {os.waitpid(self.pid, 0)[1]}")

    def type(self, keys):
        """Key by key: an Esc is one of its own."""
        for key in re.findall(r"\x1bO.|.", keys, re.S):
            os.write(self.fd, key.encode())
            self.drain()

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.drain()

    def leave(self):
        """Its exit code."""
        os.write(self.fd, b"\x1b\x1bqqq")
        until = time.monotonic() + LIMIT
        while time.monotonic() < until:
            if select.select([self.fd], [], [], 0.02)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    pass
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return None

    # --- what it takes ---

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def status(self, field):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(text.split(field + ":")[1].split()[0])

    def usage(self):
        return self.descriptors(), self.status("Threads")


class Mail:
    """Another client on both accounts: each round as many letters come as go."""

    def __init__(self, server):
        self.ana, self.eva = (self.client(server, name) for name in ("ana", "eva"))
        self.count = LETTERS

    @staticmethod
    def client(server, name):
        line = imaplib.IMAP4("localhost", server.ports["imap"])
        line.login(name, "secret")
        line.select("INBOX")
        return line

    def arrive(self, choose):
        for _ in range(choose.randint(1, 3)):
            self.count += 1
            self.ana.append("INBOX", None, None, letter(self.count))
        if self.count % 20 == 0:
            self.eva.append("INBOX", None, None, letter(self.count))
        self.ana.noop()
        uids = self.ana.uid("SEARCH", "ALL")[1][0].split()
        if len(uids) > KEPT:
            self.ana.uid("STORE", b",".join(uids[:len(uids) - KEPT]).decode(), "+FLAGS.SILENT", "(\\Deleted)")
            self.ana.expunge()
        some = choose.sample(uids[-KEPT:], 3)
        self.ana.uid("STORE", b",".join(some).decode(), choose.choice("+-") + "FLAGS.SILENT", "(\\Answered)")


class Soak:
    def __init__(self, screen, mail, cutters, seed):
        self.screen, self.mail, self.cutters, self.random = screen, mail, cutters, random.Random(seed)
        self.rounds, self.memory, self.odd, self.usual = 0, [], [], None

    def round(self):
        screen = self.screen
        self.mail.arrive(self.random)
        for visit in self.random.sample(VISITS, 3):
            screen.type(visit)
        if self.random.random() < 0.3:
            screen.resize(*self.random.choice(SIZES))
        if self.random.random() < 0.3:
            self.random.choice(self.cutters).cut_now()
        screen.type("$")
        self.rounds += 1

    def is_usual(self):
        """Both lines as they were at first; what a round begins is over by and by."""
        until = time.monotonic() + LIMIT
        while (now := self.screen.usage()) != self.usual and time.monotonic() < until:
            self.screen.type("$")
        return now == self.usual, now

    def sample(self):
        fine, now = self.is_usual()
        if not fine:
            self.odd.append((self.rounds, now))
        self.memory.append(self.screen.status("RssAnon"))

    def run(self, seconds):
        warm, until = time.monotonic() + seconds / 3, time.monotonic() + seconds
        while time.monotonic() < until and not self.odd:
            self.round()
            if self.usual is None and time.monotonic() > warm:
                self.usual = self.at_rest()
            if self.usual is not None:
                self.sample()

    def at_rest(self):
        """What it has when nothing is under way: the most common of some looks."""
        seen = []
        for _ in range(20):
            self.screen.type("$")
            seen.append(self.screen.usage())
        return statistics.mode(seen)


def report(soak, begun):
    memory = soak.memory
    half = len(memory) // 2
    before, after = statistics.median(memory[:half]), statistics.median(memory[half:])
    bound = 64 + 0.1 * half if len(memory) >= LONG else 2048
    print(f"# {soak.rounds} rounds in {time.monotonic() - begun:.0f} s, {soak.screen.drawn >> 10} KB drawn, "
          f"{sum(cutter.how.total() for cutter in soak.cutters)} lines cut; descriptors and threads {soak.usual}; "
          f"RssAnon {memory[0]} KB at first, {before:.0f}, then {after:.0f}, at last {memory[-1]} KB "
          f"(VmHWM {soak.screen.status('VmHWM')} KB)", flush=True)
    test("descriptors and threads are the same in every round", not soak.odd, (soak.usual, soak.odd))
    test(f"memory does not grow (by more than {bound:.0f} KB)", SANITIZED or after - before <= bound,
         memory[::max(1, len(memory) // 100)])


def check(seconds, seed):
    letters = [letter(i) for i in range(LETTERS)]
    mail = {"ana": {"INBOX": letters, "Work": letters[:30]}, "eva": {"INBOX": letters[:20]}}
    with Dovecot(users={"ana": "secret", "eva": "secret"}, mail=mail) as server, \
            Cutter(server.ports["imap"]) as imap, Cutter(server.ports["pop3"]) as pop, \
            Home("imap", imap.port, password="secret") as home:
        home.rc.write_text(RC.format(imap=imap.port, pop=pop.port))
        screen = Screen(home)
        screen.drain(0.5)
        begun = time.monotonic()
        soak = Soak(screen, Mail(server), (imap, pop), seed)
        soak.run(seconds)
        print(f"# seed {seed} (BUZON_SEED)")
        report(soak, begun)
        code = screen.leave()
        test("and it leaves as it should", code == 0, code)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=SECONDS)
    options.add_argument("--minutes", type=float)
    options = options.parse_args()
    try:
        check(options.minutes * 60 if options.minutes else options.seconds, tap.seed())
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    tap.done()


BUZON = os.environ["BUZON"]
if __name__ == "__main__":
    main()
