#!/usr/bin/env python3
"""Everybody on one mbox at once: two buzons that get mail, one that lists it, mutt that marks and
rewrites it, and a program that delivers into it. Then every message is there, once.

    together.py [--seconds N | --minutes N]      20 seconds by default
"""

import argparse
import fcntl
import os
import pathlib
import pty
import random
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from fake import Fake, Home, pop  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402
import verify  # noqa: E402

BUSY = 75
MUTTRC = """set folder=~/mutt
set spoolfile=~/mutt/spool
set record=
set postponed=~/mutt/postponed
set quit=yes
set delete=yes
set move=no
set mark_old=no
set confirmappend=no
set wait_key=no
set sleep_time=0
set read_inc=0
set header_cache=
"""


class Maildrop:
    """A POP3 server on which mail arrives."""

    def __init__(self):
        self.count = 0

    def header(self, i):
        return (f"From: Eva <eva@example.org>\r\nSubject: letter {i}\r\nMessage-ID: <letter{i}@example.org>\r\n"
                f"Date: Mon, 2 Nov 2020 10:00:00 +0000\r\n\r\n")

    def answer(self, line, words):
        command, n = words[0].upper(), self.count
        if command == "UIDL":
            line.send("+OK\r\n" + "".join(f"{i} uid{i}\r\n" for i in range(1, n + 1)) + ".\r\n")
        elif command == "LIST":
            line.send("+OK\r\n" + "".join(f"{i} 300\r\n" for i in range(1, n + 1)) + ".\r\n")
        elif command == "STAT":
            line.send(f"+OK {n} {300 * n}\r\n")
        elif command == "RETR":
            i = int(words[1])
            line.send("+OK\r\n" + self.header(i) + f"From line of {i}\r\n" * (1 + i % 40) + ".\r\n")
        else:
            return False
        return True


class Actor(threading.Thread):
    """turn() again and again until it is over; what it raises is a failure."""

    def __init__(self, name, turn, stop, pause=0.0):
        super().__init__(name=name)
        self.turn, self.stop, self.pause = turn, stop, pause
        self.turns, self.failure = 0, None

    def run(self):
        try:
            while not self.stop.is_set():
                self.turn()
                self.turns += 1
                self.stop.wait(self.pause)
        except Exception as why:  # told at the end
            self.failure = f"{self.name}: {why!r}"


class Deliverer:
    """As procmail and Python's mailbox do: fcntl lock, then dotlock; appends; lets go."""

    def __init__(self, mbox, seed):
        self.mbox, self.count, self.random = mbox, 0, random.Random(seed)

    def turn(self):
        if not self.mbox.exists():  # buzon makes it
            return
        fd = os.open(self.mbox, os.O_RDWR)
        try:
            if self.lock(fd):
                self.append(fd)
        finally:
            os.close(fd)

    def lock(self, fd):
        """Both locks of the file that has the name now."""
        fcntl.lockf(fd, fcntl.LOCK_EX)
        try:
            os.close(os.open(f"{self.mbox}.lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        there, mine = os.stat(self.mbox), os.fstat(fd)
        if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
            return True
        os.unlink(f"{self.mbox}.lock")
        return False

    def append(self, fd):
        i = self.count + 1
        text = (f"From local@example.org Tue Nov  3 10:00:00 2020\nFrom: local@example.org\n"
                f"Subject: delivered {i}\nMessage-ID: <delivered{i}@example.org>\n\n"
                + ">From a line\n" * self.random.randint(1, 60) + "the end\n\n").encode()
        try:
            end = os.lseek(fd, 0, os.SEEK_END)
            if end and os.pread(fd, 2, max(end - 2, 0)) != b"\n\n":
                text = b"\n" + text
            half = self.random.randint(1, len(text) - 1)
            os.write(fd, text[:half])
            os.write(fd, text[half:])
            os.fsync(fd)
            self.count = i
        finally:
            os.unlink(f"{self.mbox}.lock")


class Mutt:
    """Marks messages, which rewrites the file, and leaves."""

    def __init__(self, home, mbox, seed):
        self.home, self.mbox, self.random = home, mbox, random.Random(seed)
        self.rc = home.path / "muttrc"
        self.rc.write_text(MUTTRC)
        (home.path / "mutt").mkdir()

    def turn(self):
        if not self.mbox.exists():
            return
        digit = self.random.randint(0, 9)
        mark = self.random.choice(("<set-flag>!", "<clear-flag>!", "<set-flag>r", "<clear-flag>N"))
        keys = f"<tag-pattern>~s {digit}$<enter><tag-prefix-cond>{mark}<end-cond><sync-mailbox><exit>"
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.clear()
            os.environ.update(HOME=str(self.home.path), TERM="vt100", PATH="/usr/bin:/bin", LANG="C.UTF-8")
            os.execvp("mutt", ["mutt", "-n", "-F", str(self.rc), "-f", str(self.mbox), "-e", f"push '{keys}'"])
        self.wait(pid, fd)

    @staticmethod
    def wait(pid, fd):
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if select.select([fd], [], [], 0.05)[0]:
                try:
                    os.read(fd, 65536)
                except OSError:
                    pass
            if os.waitpid(pid, os.WNOHANG)[0]:
                break
        else:
            os.kill(pid, signal.SIGTERM)  # asks something that nobody answers
            os.waitpid(pid, 0)
        os.close(fd)


def torn(mbox):
    """Letters that are there and not whole."""
    bad = []
    for letter in verify.letters(mbox):
        kind, number = letter.fields[b"subject"].split()
        lines = letter.body.split(b"\n")
        whole = (lines.count(b"From line of %s" % number) == 1 + int(number) % 40 if kind == b"letter"
                 else lines[-2:] == [b"the end", b""])
        if not whole:
            bad.append(letter.name)
    return bad


def run_buzon(home, *words):
    done = home.run(*words)
    if done.returncode not in (0, BUSY):
        raise RuntimeError(f"buzon {words}: {done.returncode} {done.stderr}")


def check(seconds, seed):
    drop, stop = Maildrop(), threading.Event()
    with Fake(pop(answer=drop.answer)) as server, Home("pop", server.port) as home:
        mbox = home.path / ".local/share/buzon/casa/inbox.mbox"
        deliverer = Deliverer(mbox, seed)

        def arrive():
            drop.count += 1

        arrive()
        run_buzon(home, "fetch", "Casa")
        pace = max(1, seconds / 150)  # a long run is for many turns, not for a long file
        actors = [Actor("arriving", arrive, stop, 0.05 * pace),
                  Actor("delivering", deliverer.turn, stop, 0.03 * pace),
                  Actor("fetch 1", lambda: run_buzon(home, "fetch", "Casa"), stop),
                  Actor("fetch 2", lambda: run_buzon(home, "fetch", "Casa"), stop),
                  Actor("list", lambda: run_buzon(home, "list", "Casa", "--limit", "30"), stop, 0.1)]
        if shutil.which("mutt"):
            actors.append(Actor("mutt", Mutt(home, mbox, seed).turn, stop, 0.2))
        for actor in actors:
            actor.start()
        time.sleep(seconds)
        stop.set()
        for actor in actors:
            actor.join()
        os.utime(mbox)  # a walk over what mutt was just rewriting is put right by one over the whole
        run_buzon(home, "fetch", "Casa")
        run_buzon(home, "list", "Casa")
        expected = ([f"<letter{i}@example.org>" for i in range(1, drop.count + 1)]
                    + [f"<delivered{i}@example.org>" for i in range(1, deliverer.count + 1)])
        verdict = verify.account(home.path, mbox.parent, expected)
        turns = ", ".join(f"{actor.name} {actor.turns}" for actor in actors)
        print(f"# seed {seed} (BUZON_SEED), {seconds} s: {turns}\n# {verdict}", flush=True)
        failures = [actor.failure for actor in actors if actor.failure]
        test(f"{len(actors)} at once on one mbox: {verdict.count} messages, {len(verdict.lost)} lost, "
             f"{len(verdict.doubled)} doubled", verdict.good and not failures, f"{verdict}\n{failures}")
        bad = torn(mbox)
        test("and all of them whole", not bad, bad)
        test("each of them got its turn", all(actor.turns > 1 for actor in actors), turns)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--minutes", type=float)
    options = options.parse_args()
    check(options.minutes * 60 if options.minutes else options.seconds,
          tap.seed())
    tap.done()


if __name__ == "__main__":
    main()
