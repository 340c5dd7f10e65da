"""A full-screen program in a pseudo terminal, read by pyte (Debian: python3-pyte), and its memory."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pyte


class Tty:
    def __init__(self, argv, env, cols=120, rows=36):
        self.screen = pyte.Screen(cols, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.clear()
            os.environ.update(env, TERM="xterm-256color")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            os.execvpe(argv[0], argv, os.environ)
        self.since = time.monotonic()
        self.alive = True

    def text(self):
        return "\n".join(self.screen.display)

    def settle(self, quiet):
        """Read until nothing was written for so many seconds."""
        while self.alive and self.pump(quiet):
            pass

    def pump(self, timeout):
        """Read once; False where nothing came in that time."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            data = b""
        if not data:
            self.alive = False
            return True
        if b"\x1b[6n" in data:
            os.write(self.fd, b"\x1b[%d;%dR" % (self.screen.cursor.y + 1, self.screen.cursor.x + 1))
        if b"\x1b[c" in data or b"\x1b[0c" in data:
            os.write(self.fd, b"\x1b[?62;22c")
        # pyte does not know private modes with parameters, nor OSC and DCS
        data = re.sub(rb"\x1b\[[>=?][0-9;]*[umpqn]|\x1bP.*?\x1b\\|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)",
                      b"", data, flags=re.S)
        self.stream.feed(data)
        return True

    def send(self, keys):
        self.since = time.monotonic()
        os.write(self.fd, keys.encode())

    def wait(self, pattern, timeout=60, gone=False):
        """Seconds from the last send (or the start) until pattern shows, or None."""
        end = time.monotonic() + timeout
        while bool(re.search(pattern, self.text(), re.M)) == gone:
            left = end - time.monotonic()
            if left <= 0 or not self.alive:
                return None
            self.pump(min(left, 0.2))
        return time.monotonic() - self.since

    def tree(self):
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children") as f:
                        todo += [int(c) for c in f.read().split()]
            except OSError:
                pass
        return found

    def memory(self, field):
        """VmRSS or VmHWM of the process tree, MiB."""
        total = 0
        for pid in self.tree():
            try:
                with open(f"/proc/{pid}/status") as f:
                    total += int(re.search(field + r":\s+(\d+)", f.read()).group(1))
            except (OSError, AttributeError):
                pass
        return total / 1024

    def close(self):
        for pid in reversed(self.tree()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        try:
            os.waitpid(self.pid, 0)
        except OSError:
            pass
        os.close(self.fd)
