#!/usr/bin/env python3
"""buzon fetch for cron and timers: silent, exact, ends when it should, and keeps what is whole."""

import fcntl
import mailbox
import os
import pathlib
import poplib
import pty
import re
import select
import signal
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
import dovecot  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from fake import HEADER, LIMIT, Fake, Home, pop  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

USAGE, NO_HOST, UNAVAILABLE, TEMPORARY, NO_PERM = 64, 68, 69, 75, 77


def letter(number, body="hello"):
    return (f"From: Eva <eva@example.org>\nTo: ana@example.org\nSubject: letter {number}\n"
            f"Date: Mon, 2 Nov 2020 10:00:00 +0000\n\n{body}\n").encode()


def stored(home):
    path = home.path / ".local/share/buzon/casa/inbox.mbox"
    return [m["Subject"] for m in mailbox.mbox(path)] if path.exists() else []


def started(home, *argv, **more):
    env = {"HOME": str(home.path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}
    for name in ("BUZON_LOCALEDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    return subprocess.Popen([os.environ["BUZON"], *argv], env=env, stdin=subprocess.DEVNULL, **more)


def home_of(server, more=""):
    return Home("pop", server.ports["pop3s"], "tls", server.ca_file, "secret", more=more)


def count(server):
    """Messages on the server, as another program sees them."""
    line = poplib.POP3_SSL("localhost", server.ports["pop3s"],
                           context=ssl.create_default_context(cafile=server.ca_file))
    line.user("ana")
    line.pass_("secret")
    n = line.stat()[0]
    line.quit()
    return n


# --- against a real server -------------------------------------------------------------------------


def check_lines():
    with Dovecot(mail={"ana": {"INBOX": [letter(i) for i in range(1, 13)]}}, rawlog=True) as server:
        with home_of(server) as home:
            dry = home.run("fetch", "--dry-run")
            test("a dry run says what would come", dry.returncode == 0 and dry.stderr == b""
                 and re.fullmatch(rb"Casa: 12 would come, \d.*\n", dry.stdout), dry)
            test("and brings nothing", stored(home) == [] and count(server) == 12)
            done = home.run("fetch")
            test("one line: how many and how much", done.returncode == 0 and done.stderr == b""
                 and re.fullmatch(rb"Casa: 12 new, 1\.[45]\xc2\xa0kB\n", done.stdout), done)
            again = home.run("fetch")
            test("nothing new, nothing said", (again.returncode, again.stdout, again.stderr)
                 == (0, b"", b""), again)
            dry = home.run("fetch", "--dry-run")
            test("nor would anything come", dry.stdout == b"Casa: nothing would come or go\n", dry)
        with home_of(server) as home:
            done = home.run("fetch", "--quiet")
            test("--quiet: not a word", (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
                 and len(stored(home)) == 12, done)
        said = b"".join(p.read_bytes() for p in pathlib.Path(server.rawlog).glob("*.in"))
        test("by default nothing goes from the server", b"DELE" not in said and count(server) == 12)
        with home_of(server, "leave-on-server = none\n") as home:
            dry = home.run("fetch", "--dry-run")
            test("a dry run removes nothing", dry.returncode == 0 and b"12 would come" in dry.stdout
                 and count(server) == 12, dry)
            done = home.run("fetch")
            test("what buzonrc says is agreed to: all is here and gone there", done.returncode == 0
                 and re.match(rb"Casa: 12 new, ", done.stdout) and len(stored(home)) == 12
                 and count(server) == 0, done)


def check_sizes():
    mail = {"ana": {"INBOX": [letter(1), letter(2, "x" * 70 + "\n" * 300 + "y" * 40000), letter(3)]}}
    with Dovecot(mail=mail) as server, home_of(server, "max-size = 20k\n") as home:
        dry = home.run("fetch", "--dry-run")
        test("a dry run knows what is too big", b"2 would come" in dry.stdout
             and b"1 would stay on the server, larger than max-size, 4" in dry.stdout, dry)
        done = home.run("fetch")
        test("and the download says so in its line", stored(home) == ["letter 1", "letter 3"]
             and re.fullmatch(rb"Casa: 2 new, .*; 1 larger than max-size stays on the server\n",
                              done.stdout), done)
        again = home.run("fetch")
        test("once", again.stdout == b"" and again.returncode == 0, again)


def check_match():
    with Dovecot(mail={"ana": {"INBOX": [letter(i, "palabra rara" if i == 3 else "hola")
                                         for i in range(1, 6)]}}) as server, home_of(server) as home:
        home.run("fetch")
        done = home.run("list", "Casa", "--match", "letter 4")
        test("list --match: the rows that the words mean", done.returncode == 0
             and done.stdout.count(b"\n") == 1 and b"letter 4" in done.stdout, done)
        done = home.run("list", "Casa", "--match", "body:rara")
        test("their text is looked through, too", done.stdout.count(b"\n") == 1
             and b"letter 3" in done.stdout, done)
        done = home.run("list", "Casa", "--match", "letter is:unred")
        test("a wrong word is named with its place", done.returncode == USAGE
             and b"character 11" in done.stderr and b"is:unread" in done.stderr, done)


RULES = """
[rule "lists"]
account = Casa
match = "letter 2" or body:palabra
folder = Listas/Varias
read = yes
[rule "star"]
match = from:eva
flag = yes
"""


def check_rules():
    with Dovecot(mail={"ana": {"INBOX": [letter(i, "palabra" if i == 4 else "hola")
                                         for i in range(1, 6)]}}) as server, home_of(server) as home:
        home.rc.write_text(home.rc.read_text() + RULES)
        done = home.run("fetch")
        test("rules: what comes is counted as ever", done.returncode == 0 and done.stderr == b""
             and re.match(rb"Casa: 5 new, ", done.stdout), done)
        done = home.run("list", "Casa/Listas/Varias")
        test("rules: filed, read and flagged", done.stdout.count(b"\n") == 2
             and b"letter 4" in done.stdout and b"letter 2" in done.stdout
             and b" N" not in done.stdout and done.stdout.count(b"! ") == 2, done)
        done = home.run("list", "Casa")
        test("rules: the rest is in the Inbox", done.stdout.count(b"\n") == 3
             and done.stdout.count(b" N!") == 3, done)
        again = home.run("fetch")
        test("rules: nothing comes again for having been filed", again.stdout == b"", again)


# --- servers that stand still ----------------------------------------------------------------------


def stalling(after, n=20):
    """Gives that many messages, then says nothing more, once: the next session is whole."""
    state = {"given": 0, "stalled": threading.Event(), "go": threading.Event()}

    def answer(line, words):
        if words[0] != "RETR":
            return False
        state["given"] += 1
        if state["given"] == after + 1 and not state["stalled"].is_set():
            line.send("+OK\r\n" + (HEADER % int(words[1]))[:30])
            state["stalled"].set()
            state["go"].wait(LIMIT)
            raise EOFError
        return False

    return pop(n=n, answer=answer), state


def check_time():
    script, state = stalling(7)
    with Fake(script) as server, Home("pop", server.port) as home:
        begun = time.monotonic()
        done = home.run("fetch", "--timeout", "2")
        took = time.monotonic() - begun
        test("--timeout ends the run, 75 and a line", done.returncode == TEMPORARY and took < 20
             and done.stderr.count(b"\n") == 1 and b"Casa: 2 s are over" in done.stderr, done)
        test("what was whole is here and counted", stored(home) == [f"letter {i}" for i in range(1, 8)]
             and re.match(rb"Casa: 7 new, ", done.stdout), (done, stored(home)))
        state["go"].set()
        done = home.run("fetch", "--timeout", "20")
        test("the rest comes next time, nothing twice", done.returncode == 0
             and stored(home) == [f"letter {i}" for i in range(1, 21)]
             and re.match(rb"Casa: 13 new, ", done.stdout), done)


def check_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        script, state = stalling(5)
        with Fake(script) as server, Home("pop", server.port) as home:
            run = started(home, "fetch", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            state["stalled"].wait(LIMIT)
            run.send_signal(number)
            out, err = run.communicate(timeout=LIMIT)
            state["go"].set()
            name = signal.Signals(number).name
            test(f"{name}: the code says which, what was whole is here", run.returncode == 128 + number
                 and stored(home) == [f"letter {i}" for i in range(1, 6)]
                 and re.match(rb"Casa: 5 new, ", out) and err == b"", (run.returncode, out, err))
            done = home.run("fetch")
            test(f"{name}: and the rest comes next time",
                 stored(home) == [f"letter {i}" for i in range(1, 21)], done)


def check_codes():
    with Fake(pop()) as server, Home("pop", server.port) as home:
        home.rc.write_text(home.rc.read_text() + '[account "Otra"]\nprotocol = pop\n'
                           "server = localhost:1\nsecurity = none\nuser = u\npassword = x\n")
        done = home.run("fetch")
        test("several accounts: each is tried, the largest code", done.returncode == UNAVAILABLE
             and b"Casa: 3 new" in done.stdout and done.stderr.startswith(b"buzon: Otra: ")
             and done.stderr.count(b"\n") == 1, done)
        done = home.run("fetch", "Casa")
        test("one that is named: that alone", done.returncode == 0 and done.stderr == b"", done)
        done = home.run("fetch", "Nadie")
        test("one that is not there: 64", done.returncode == USAGE and b"Nadie" in done.stderr, done)
        for bad in ("0", "-1", "x"):
            done = home.run("fetch", "--timeout", bad)
            test(f"--timeout {bad}: 64", done.returncode == USAGE, done)

    def refuse(line, words):
        if words[0] == "PASS":
            line.send("-ERR [AUTH] no such luck\r\n")
        return words[0] == "PASS"

    with Fake(pop(answer=refuse)) as server, Home("pop", server.port) as home:
        done = home.run("fetch")
        test("a refused password: 77, one line with the server's words", done.returncode == NO_PERM
             and done.stderr.count(b"\n") == 1 and b"no such luck" in done.stderr
             and done.stderr.startswith(b"buzon: Casa: "), done)


# --- a terminal ------------------------------------------------------------------------------------


def on_terminal(home, *argv, columns=80):
    """What buzon writes to a terminal, and its code."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    run = started(home, *argv, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    seen, limit = b"", time.monotonic() + LIMIT
    while time.monotonic() < limit and select.select([master], [], [], LIMIT)[0]:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(master)
    return run.wait(timeout=LIMIT), seen


def shown(seen):
    """The line as it stands in the end."""
    cells = []
    column = 0
    for char in seen.decode():
        if char == "\r":
            column = 0
        elif char != "\n":
            cells[column:column + 1] = [char]
            column += 1
    return "".join(cells).rstrip()


def slow(line, words):
    if words[0] == "RETR":
        time.sleep(0.03)
    return False


def check_progress():
    for columns, want in ((80, "[#"), (40, " of 40"), (12, " of 40")):
        with Fake(pop(n=40, answer=slow)) as server, Home("pop", server.port) as home:
            code, seen = on_terminal(home, "fetch", columns=columns)
            parts = [p for p in re.split(r"[\r\n]+", seen.decode()) if p.strip()]
            test(f"a terminal of {columns} columns sees how far it is", code == 0
                 and any(want in p for p in parts) and max(map(len, parts)) < columns, seen)
            test("and nothing of it is left", shown(seen) == "", seen)
    with Fake(pop(n=10, answer=slow)) as server, Home("pop", server.port) as home:
        code, seen = on_terminal(home, "fetch", "--quiet")
        test("--quiet: nothing on the terminal", code == 0 and seen == b"", seen)


def main():
    check_time()
    check_signals()
    check_codes()
    check_progress()
    try:
        check_lines()
        check_sizes()
        check_match()
        check_rules()
    except dovecot.Missing as why:
        print(f"# skipped: {why}")
    tap.done()


if __name__ == "__main__":
    main()
