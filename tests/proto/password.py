#!/usr/bin/env python3
"""The password asked for on a terminal: unseen, and the echo is back whatever ends the question."""

import fcntl
import os
import pathlib
import select
import signal
import subprocess
import sys
import termios
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from fake import LIMIT, Fake, Home, pop  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402


class Asked:
    """buzon with a terminal of its own; the other side of that terminal stays open."""

    def __init__(self, home, *argv):
        env = {"HOME": str(home.path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}
        env |= {name: os.environ[name] for name in
                ("BUZON_LOCALEDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
                if name in os.environ}
        self.master, self.slave = os.openpty()
        self.seen = b""
        self.run = subprocess.Popen([os.environ["BUZON"], *argv], env=env, stdin=self.slave,
                                    stdout=self.slave, stderr=self.slave, start_new_session=True,
                                    preexec_fn=self.own)

    def own(self):
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run.kill()
        self.run.wait()
        os.close(self.master)
        os.close(self.slave)

    def wait(self, text, times=1):
        limit = time.monotonic() + LIMIT
        while self.seen.count(text) < times and time.monotonic() < limit \
                and select.select([self.master], [], [], LIMIT)[0]:
            self.seen += os.read(self.master, 65536)
        return self.seen.count(text) >= times

    def echoes(self):
        return termios.tcgetattr(self.slave)[3] & termios.ECHO != 0

    def until(self, condition):
        limit = time.monotonic() + LIMIT
        while not condition() and time.monotonic() < limit:
            time.sleep(0.01)
        return condition()

    def asks(self):
        return self.wait(b"Password of ana at localhost: ") and self.until(lambda: not self.echoes())

    def type(self, text):
        os.write(self.master, text)

    def end(self):
        """Exit code; what was still to be read is in .seen."""
        limit = time.monotonic() + LIMIT
        while self.run.poll() is None and time.monotonic() < limit:
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 65536)
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536)
        return self.run.poll()


def check_typed(home):
    with Asked(home, "fetch") as one:
        test("fetch asks, without echo", one.asks(), one.seen)
        one.type(b"secret\n")
        code = one.end()
        test("what is typed is taken and never shown", code == 0 and b"secret" not in one.seen
             and b"3 new" in one.seen and one.echoes(), (code, one.seen))
    with Asked(home, "list", "Casa") as one:
        asked = one.asks()
        one.type(b"secret\n")
        code = one.end()
        test("list asks, too", asked and code == 0 and b"Casa:3" in one.seen, (code, one.seen))


def check_ended(home, argv, end, code):
    with Asked(home, *argv) as one:
        asked = one.asks()
        end(one)
        got = one.end()
        test(f"buzon {' '.join(argv)} ended at the question: {code}, and the echo is back",
             asked and got == code and one.echoes(), (got, one.seen))


def check_stopped(home):
    """No shell has this session, so what would stop the program does not; it asks again all the same."""
    with Asked(home, "list", "Casa") as one:
        asked = one.asks()
        one.run.send_signal(signal.SIGTSTP)
        again = one.wait(b"Password of ana", 2) and one.until(lambda: not one.echoes())
        one.type(b"\x03")
        code = one.end()
        test("after Ctrl-Z it asks again, and can be ended", asked and again
             and code == -signal.SIGINT and one.echoes(), (code, one.seen))


def ctrl_c(one):
    one.type(b"sec\x03")


def sigterm(one):
    one.run.send_signal(signal.SIGTERM)


def main():
    with Fake(pop()) as server, Home("pop", server.port, password=None) as home:
        check_ended(home, ["list", "Casa"], ctrl_c, -signal.SIGINT)
        check_ended(home, ["list", "Casa"], sigterm, -signal.SIGTERM)
        check_ended(home, ["fetch"], ctrl_c, 128 + signal.SIGINT)
        check_ended(home, ["fetch"], sigterm, 128 + signal.SIGTERM)
        check_ended(home, ["fetch", "--timeout", "2"], lambda one: None, 75)
        check_stopped(home)
        check_typed(home)
    tap.done()


if __name__ == "__main__":
    main()
