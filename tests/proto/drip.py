#!/usr/bin/env python3
"""A server that sends a byte now and then, in each part of a session (SECURITY.md C16), and buzon in a
terminal: Esc ends the wait, another key is answered, q leaves. The deadlines themselves are tested with
short ones in tests/unit/test_stream.c and test_guard.c."""

import os
import pathlib
import pty
import select
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
import dovecot  # noqa: E402
from fake import Certificates, Fake, Home, imap, pop  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

PATIENCE = 20  # seconds after which something hangs


def drip(line, text=b"* OK x"):
    """Never comes to an end of its own."""
    line.send(text)
    while True:
        line.send(b"y")
        time.sleep(0.02)


class Screen:
    """buzon in a pty; what it writes is searched, not drawn."""

    def __init__(self, home):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.clear()
            os.environ.update(HOME=str(home.path), LANG="C.UTF-8", TERM="xterm-256color",
                              LINES="24", COLUMNS="80", PATH="/usr/bin:/bin", **KEPT)
            os.execv(BUZON, [BUZON])
        self.seen = b""

    def wait(self, text):
        """Until text is written anew."""
        until = time.monotonic() + PATIENCE
        while text not in self.seen:
            if not select.select([self.fd], [], [], max(0, until - time.monotonic()))[0]:
                return False
            try:
                self.seen += os.read(self.fd, 65536)
            except OSError:
                return False
        self.seen = self.seen.split(text, 1)[1]
        return True

    def type(self, keys):
        os.write(self.fd, keys)

    def exit(self):
        """Its exit code, or None where it had to be killed."""
        until = time.monotonic() + PATIENCE
        code = None
        while code is None and time.monotonic() < until:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
            elif select.select([self.fd], [], [], 0.02)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    pass
        if code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
        return code


def at(protocol, command):
    def answer(line, *more):
        words = more[-1]
        if words[0 if protocol == "pop" else 1] != command:
            return False
        drip(line, {"FETCH": b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (DATE)] {60000}\r\n",
                    "RETR": b"+OK\r\nSubject: x\r\n\r\n"}.get(command, b"* OK x" if protocol == "imap" else b"+OK x"))
    return imap(answer=answer) if protocol == "imap" else pop(answer=answer)


def check(protocol, where, certs):
    context, ca = certs.get("good")
    security = "none"
    if where == "banner":
        script = drip
    elif where == "handshake":
        security = "tls"
        script = lambda line: drip(line, b"\x16\x03\x03\x20\x00\x02\x00\x1f\xfc")  # noqa: E731
    else:
        script = at(protocol, where)
    with Fake(script) as server, Home(protocol, server.port, security, ca) as home:
        screen = Screen(home)
        said = [screen.wait(b"downloading" if where == "RETR" else b"connecting")]
        screen.type(b"?")
        said.append(screen.wait(b"filter"))
        screen.type(b"\x1b")
        said.append(screen.wait(b"Inbox"))  # drawn again: the next Esc is one of its own
        screen.type(b"\x1b")
        said.append(screen.wait(b"offline"))
        screen.type(b"$")
        said.append(screen.wait(b"downloading" if where == "RETR" else b"connecting"))
        screen.type(b"q")
        code = screen.exit()
        test(f"C16 {protocol}: a drip in {where}: a key is answered, Esc stops it, q leaves",
             all(said) and code == 0, (said, code, screen.seen[-600:]))


BUZON = os.environ.get("BUZON", "")
KEPT = {name: os.environ[name] for name in ("BUZON_LOCALEDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}


def main():
    if dovecot.find_program("openssl") is None:
        print("1..0 # SKIP openssl is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="bz-certs-") as folder:
        certs = Certificates(folder)
        for where in ("banner", "handshake", "LOGIN", "EXAMINE", "FETCH"):
            check("imap", where, certs)
        for where in ("banner", "handshake", "PASS", "UIDL", "RETR"):
            check("pop", where, certs)
    tap.done()


if __name__ == "__main__":
    main()
