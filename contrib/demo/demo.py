#!/usr/bin/env python3
"""buzon on sample mail: a private Dovecot, an account by IMAP, one by POP, all in a temporary folder.

    demo.py --build DIR [--keep]

On a terminal it opens buzon. Without one it prints both accounts' lists and one message of each.
Where there is no Dovecot it shows the sample mbox. On leaving, in whatever way, the server is
stopped and the files are removed (--keep leaves them).
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from email.utils import mktime_tz, parsedate_tz

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests" / "lib"))
from dovecot import FROM_LINE, Dovecot, Failed, Missing  # noqa: E402

EX_TEMPFAIL = 75
PASSWORD = "only-for-the-demo"
NEWEST_AGE = 4 * 60  # seconds: the newest sample message came four minutes ago
RC = """# Made by ./bootstrap demo; everything here is thrown away on leaving.
[account "Casa"]
protocol = imap
name = Ana Ruiz
address = ana@example.org
server = localhost:{imaps}
user = casa
password = {password}
tls-ca-file = {ca}

[account "Trabajo"]
protocol = pop
name = Ana Ruiz
address = a.ruiz@taller.test
server = localhost:{pop3s}
user = trabajo
password = {password}
tls-ca-file = {ca}
"""


def say(text):
    print(f"== {text}", flush=True)


# --- the sample mail, as if it came today --------------------------------------------------------


def shift_date(line, seconds):
    """A Date: line moved by so many seconds, in its own zone."""
    parsed = parsedate_tz(line[len(b"Date:"):].decode("ascii").strip())
    zone = parsed[9] or 0
    when = time.gmtime(mktime_tz(parsed) + seconds + zone)
    sign, minutes = "-" if zone < 0 else "+", abs(zone) // 60
    text = time.strftime("%a, %d %b %Y %H:%M:%S", when)
    return f"Date: {text} {sign}{minutes // 60:02}{minutes % 60:02}\n".encode()


def from_time(line):
    """Seconds UTC of a From_ line, or None."""
    match = FROM_LINE.match(line)
    parsed = match and parsedate_tz(match[1].decode())
    return mktime_tz(parsed[:9] + (0,)) if parsed else None


def shift_from(line, when, seconds):
    stamp = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(when + seconds))
    return b" ".join(line.split(b" ", 2)[:2]) + f" {stamp}\n".encode()


def shift_mbox(data, seconds):
    """The mbox with its From_ lines and the Date: of each message's own header moved."""
    out, blank, header = [], True, False
    for line in re.findall(rb"[^\n]*\n", data):
        when = from_time(line) if blank else None
        if when is not None:
            line, header = shift_from(line, when, seconds), True
        elif header and line.startswith(b"Date:"):
            line = shift_date(line, seconds)
        elif line == b"\n":
            header = False
        blank = line == b"\n"
        out.append(line)
    return b"".join(out)


def newest(paths):
    """Arrival of the newest of all messages, seconds UTC."""
    return max(when for path in paths for line in path.read_bytes().splitlines(keepends=True)
               if (when := from_time(line)) is not None)


def copy_mail(source, target):
    """All sample mboxes into target, the newest message a few minutes old."""
    paths = sorted(source.rglob("*.mbox"))
    seconds = int(time.time()) - NEWEST_AGE - newest(paths)
    for path in paths:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(shift_mbox(path.read_bytes(), seconds))


# --- buzon ---------------------------------------------------------------------------------------


def default_interrupt():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Buzon:
    """The program that was built, with HOME and all XDG folders in the temporary one."""

    def __init__(self, build, root):
        self.program, self.running, self.failed = build / "buzon", None, False
        self.environment = dict(os.environ, HOME=str(root), BUZON_LOCALEDIR=str(build / "locale"))
        for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
            folder = root / kind.lower()
            folder.mkdir(mode=0o700)
            self.environment[f"XDG_{kind}_HOME"] = str(folder)

    def configure(self, server):
        folder = pathlib.Path(self.environment["XDG_CONFIG_HOME"], "buzon")
        folder.mkdir(mode=0o700)
        text = RC.format(ca=server.ca_file, password=PASSWORD, **server.ports)
        opener = lambda path, flags: os.open(path, flags, 0o600)  # noqa: E731
        with open(folder / "buzonrc", "w", opener=opener) as out:
            out.write(text)

    def open(self, *arguments):
        """On the terminal: its Ctrl-C is for buzon alone."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return self.run(*arguments)
        finally:
            signal.signal(signal.SIGINT, before)

    def run(self, *arguments, capture=False):
        """Exit code, or with capture the standard output; a failure is remembered."""
        self.running = subprocess.Popen([self.program, *arguments], env=self.environment,
                                        stdout=subprocess.PIPE if capture else None,
                                        preexec_fn=default_interrupt)
        output, _ = self.running.communicate()
        code = self.running.returncode
        self.running = None
        self.failed |= code != 0
        return output if capture else code

    def print(self, *arguments):
        say(f"buzon {' '.join(arguments)}")
        self.run(*arguments)

    def print_first(self, what):
        """The list, then the text of its newest message."""
        self.print("list", what)
        rows = self.run("list", what, "--limit", "1", "--json", capture=True).splitlines()
        if not rows:
            self.failed = True
            return
        self.print("show", json.loads(rows[0])["ref"])

    def end(self):
        """Stop what runs: asked first, made to after a second."""
        if self.running is None:
            return
        self.running.terminate()
        try:
            self.running.wait(1)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()


def show_accounts(buzon, terminal):
    if terminal:
        return buzon.open()
    buzon.print_first("Casa")
    buzon.print("fetch", "Trabajo")
    buzon.print_first("Trabajo")
    return 1 if buzon.failed else 0


def show_sample(buzon, mail, terminal):
    """Without a server: the sample Inbox as a file."""
    path = str(mail / "casa" / "INBOX.mbox")
    if terminal:
        return buzon.open(path)
    buzon.print_first(path)
    return 1 if buzon.failed else 0


# --- all of it -----------------------------------------------------------------------------------


class Ended(Exception):
    """A signal asked us to end."""


def on_signal(number, _):
    # Once is enough: a second one must not break the clearing up.
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    raise Ended(number)


def run_demo(options, root):
    buzon = Buzon(options.build.resolve(), root)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    mail = root / "mail"
    copy_mail(HERE / "mail", mail)
    server = Dovecot(users={"casa": PASSWORD, "trabajo": PASSWORD},
                     mail={"casa": mail / "casa", "trabajo": mail / "trabajo"})
    try:
        server.start()
        buzon.configure(server)
        say(f"Dovecot on localhost: IMAP {server.ports['imaps']}, POP {server.ports['pop3s']}")
        return show_accounts(buzon, terminal)
    except Missing as why:
        say(f"{why}: showing the sample mbox instead")
        return show_sample(buzon, mail, terminal)
    finally:
        buzon.end()
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--keep", action="store_true", help="leave the files in place")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    root = None
    try:
        root = pathlib.Path(tempfile.mkdtemp(prefix="buzon-demo-"))
        return run_demo(options, root)
    except Ended as end:
        return 128 + end.args[0]
    except (Failed, OSError) as why:
        print(f"demo: {why}", file=sys.stderr)
        return EX_TEMPFAIL
    finally:
        if root is not None:
            say(f"the files {'are' if options.keep else 'were'} in {root}")
            if not options.keep:
                shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
