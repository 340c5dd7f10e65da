#!/usr/bin/env python3
"""Other programs on the same mbox (SECURITY.md C33, C34): what they add, replace, cut and delete is
noticed and nothing is lost by it; what they have locked is read, and changes wait or say so."""

import fcntl
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
from drip import Screen  # noqa: E402
from fake import Fake, Home, pop  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402
import verify  # noqa: E402

LOCK_SENTENCE = b"Reading is fine; changes wait."
LIMIT = 60


def foreign(i, word="foreign"):
    return (f"From x@example.org Tue Nov  3 10:00:00 2020\nFrom: Max <max@example.org>\n"
            f"Subject: {word} {i}\n\nbody {i}\n\n").encode()


def mbox_of(home):
    return home.path / ".local/share/buzon/casa/inbox.mbox"


def listed(home):
    done = home.run("list", "Casa", "--json")
    return done, sorted(json.loads(line)["subject"] for line in done.stdout.decode().splitlines())


def in_file(path):
    return sorted(letter.fields[b"subject"].decode() for letter in verify.letters(path))


# --- changes ---------------------------------------------------------------------------------------


def append(path):
    with path.open("ab") as out:
        out.write(foreign(1))


def replace(path):
    new = path.with_suffix(".new")
    new.write_bytes(path.read_bytes() + foreign(2))
    new.rename(path)


def rewrite(path):
    """As mutt does: in place, every message's flags."""
    path.write_bytes(path.read_bytes().replace(b"Status:   \n", b"Status: RO\nContent-Length: 6\n"))


def cut(path):
    data = path.read_bytes()
    with path.open("r+b") as out:
        out.truncate(data.rindex(b"\nFrom ") + 1)


def cut_inside(path):
    with path.open("r+b") as out:
        out.truncate(path.stat().st_size - 20)


def empty(path):
    path.write_bytes(b"")


def delete(path):
    path.unlink()


def other_order(path):
    data = path.read_bytes()
    at = data.rindex(b"\nFrom ") + 1
    path.write_bytes(data[at:] + data[:at])


CHANGES = [append, replace, rewrite, cut, cut_inside, other_order, empty, delete]


def check_change(change):
    with Fake(pop(n=4)) as server, Home("pop", server.port) as home:
        path = mbox_of(home)
        home.run("fetch", "Casa")
        append(path)
        listed(home)
        change(path)
        after = path.read_bytes() if path.exists() else None
        done, rows = listed(home)
        still = path.read_bytes() if path.exists() else None
        wanted = in_file(path)
        test(f"C33 {change.__name__}: the list is what the file holds, the file is left alone",
             done.returncode == 0 and rows == wanted and after == still, (done, rows, wanted))


def check_on_screen():
    """A running buzon sees each of them at the next look."""
    with Fake(pop(n=3)) as server, Home("pop", server.port) as home:
        path, said = mbox_of(home), []
        home.run("fetch", "Casa")
        screen = Screen(home)
        said.append(screen.wait(b"letter 3"))
        for word in ("BCDFGH", "klmnpq", "STWXYZ"):
            with path.open("ab") as out:
                out.write(foreign(1, word))
            screen.type(b"$")
            said.append(screen.wait(word.encode()))
        path.write_bytes(foreign(20, "UVWXYZ") + foreign(21, "QVJHZK"))  # no cell of it stood there
        screen.type(b"$")
        said.append(screen.wait(b"QVJHZK"))
        delete(path)
        screen.type(b"$")
        said.append(screen.wait(b"No messages") or screen.wait(b"empty"))
        screen.type(b"q")
        code = screen.exit()
        test("C33 on screen: appended, replaced, deleted are seen", all(said) and code == 0,
             (said, code, screen.seen[-500:]))


# --- locks -----------------------------------------------------------------------------------------


class Locks:
    """Another program's locks on the mbox."""

    def __init__(self, path, how):
        self.path, self.how, self.fd = path, how, None
        self.dot = pathlib.Path(f"{path}.lock")

    def __enter__(self):
        if self.how == "fcntl":
            self.fd = os.open(self.path, os.O_RDWR)
            fcntl.lockf(self.fd, fcntl.LOCK_EX)
        else:
            self.dot.write_text(f"{os.getpid()}\n")
        return self

    def __exit__(self, *_):
        if self.how == "fcntl":
            os.close(self.fd)
        else:
            self.dot.unlink(missing_ok=True)


def start(home, *words):
    env = {"HOME": str(home.path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    return subprocess.Popen([os.environ["BUZON"], *words], env=env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process):
    out, err = process.communicate(timeout=LIMIT)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_until(condition):
    until = time.monotonic() + LIMIT
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


class Case:
    """An account with three letters here and a fourth on the server."""

    def __init__(self):
        self.asked = 0
        self.n = 3
        self.server = Fake(self.script).__enter__()
        self.home = Home("pop", self.server.port)
        self.path = mbox_of(self.home)
        self.home.run("fetch", "Casa")
        self.n, self.asked = 4, 0

    def script(self, line):
        def answer(line, words):
            self.asked += words[0].upper() == "RETR"
            return False
        pop(n=self.n, answer=answer)(line)

    def end(self):
        self.server.__exit__()
        self.home.__exit__()

    def good(self, n):
        names = [f"letter {i}" for i in range(1, n + 1)]
        return verify.account(self.home.path, self.path.parent, names)


class Held:
    """A fetch while another program has the mbox for good, and one that gets it in the end."""

    def __init__(self, how):
        self.how, self.case = how, Case()
        self.locks = Locks(self.case.path, how).__enter__()
        self.refused = start(self.case.home, "fetch", "Casa")

    def check(self):
        how, case = self.how, self.case
        shown = case.home.run("show", "Casa:2")
        test(f"C34 {how}: a locked mbox is read", shown.returncode == 0 and b"letter 2" in shown.stdout, shown)
        done = ended(self.refused)
        test(f"C34 {how}: a change says that it waits, and who has the file", done.returncode == 75
             and LOCK_SENTENCE in done.stderr and b"inbox.mbox (python3, process %d)" % os.getpid() in done.stderr,
             done)
        done = case.home.run("list", "Casa")
        test(f"C34 {how}: it is listed", done.stdout.count(b"letter") == 3, done)
        before = case.asked
        fetch = start(case.home, "fetch", "Casa")
        waits = wait_until(lambda: case.asked > before)
        self.locks.__exit__()
        done, verdict = ended(fetch), case.good(4)
        test(f"C34 {how}: a change waits for the lock and is made then",
             waits and done.returncode == 0 and verdict.good, (waits, done, verdict))
        case.end()


def old(path, seconds):
    when = time.time() + seconds
    os.utime(path, (when, when), follow_symlinks=False)


def dead_pid():
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def lock_dead(dot, victim):
    dot.write_text(f"{dead_pid()}\n")


def lock_dead_future(dot, victim):
    lock_dead(dot, victim)
    old(dot, 86400)


def lock_old(dot, victim):
    dot.write_text("4711 elsewhere.example.org\n")
    old(dot, -3600)


def lock_elsewhere(dot, victim):
    dot.write_text("4711 elsewhere.example.org\n")


def lock_future(dot, victim):
    dot.write_text("0\n")
    old(dot, 86400)


def lock_link(dot, victim):
    dot.symlink_to(victim)


def lock_dangling(dot, victim):
    dot.symlink_to(victim.with_suffix(".none"))


STALE = [lock_dead, lock_dead_future, lock_old]
LIVE = [lock_elsewhere, lock_future, lock_link, lock_dangling]


def check_dotlocks():
    """All at once: what waits waits ten seconds."""
    with tempfile.TemporaryDirectory() as folder:
        victim = pathlib.Path(folder) / "victim"
        victim.write_text("mine")
        old(victim, -7200)
        running = []
        for make in STALE + LIVE:
            case = Case()
            make(pathlib.Path(f"{case.path}.lock"), victim)
            running.append((make, case, start(case.home, "fetch", "Casa")))
        for make, case, process in running:
            done, dot = ended(process), pathlib.Path(f"{case.path}.lock")
            if make in STALE:
                ok = done.returncode == 0 and not os.path.lexists(dot) and case.good(4).good
            else:
                ok = done.returncode == 75 and LOCK_SENTENCE in done.stderr and os.path.lexists(dot)
                dot.unlink()
                ok = ok and case.home.run("fetch", "Casa").returncode == 0 and case.good(4).good
            test(f"C34 {make.__name__[5:]}: {'taken away' if make in STALE else 'respected, and said so'}",
                 ok, done)
            case.end()
        test("C34 no lock's link was followed", victim.read_text() == "mine"
             and not victim.with_suffix(".none").exists())


def main():
    held = [Held(how) for how in ("fcntl", "dotlock")]
    for change in CHANGES:
        check_change(change)
    check_on_screen()
    for one in held:
        one.check()
    check_dotlocks()
    tap.done()


if __name__ == "__main__":
    main()
