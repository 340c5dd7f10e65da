#!/usr/bin/env python3
"""Local folders from outside: Python's mailbox and mutt read and change our mbox and we see it, and
they what we do; and what the command line shows of a folder, also without a state.db."""

import json
import mailbox
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from fake import Fake, Home  # noqa: E402
from maildrop import Maildrop, letter  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402


def inbox(home):
    return home.path / ".local/share/buzon/casa/inbox.mbox"


def fetched(server, home, count):
    done = home.run("fetch", "Casa")
    assert done.returncode == 0, done
    assert len(mailbox.mbox(inbox(home))) == count


def rows(home, *args):
    """Subject -> row, as `buzon list --json` has it."""
    done = home.run("list", *args, "--json")
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return {one["subject"]: one for one in lines}


def flags(home):
    return {subject: sorted(one["flags"]) for subject, one in rows(home, "Casa").items()}


def drop(n):
    return Maildrop([(f"u{i}", letter(i)) for i in range(1, n + 1)])


def check_python():
    with Fake(drop(4)) as server, Home("pop", server.port) as home:
        fetched(server, home, 4)
        before = rows(home, "Casa")
        box = mailbox.mbox(inbox(home))
        test("Python's mailbox: count, subjects, nothing read",
             [m["Subject"] for m in box] == [f"letter {i}" for i in range(1, 5)]
             and [m.get_flags() for m in box] == [""] * 4, [m.get_flags() for m in box])
        box.lock()
        one = box[0]
        one.set_flags("ROF")
        box[0] = one
        box.remove(2)
        box.flush()
        box.unlock()
        box.close()
        after = rows(home, "Casa")
        test("what it flags and removes is seen", flags(home) == {
            "letter 1": ["flagged", "seen"], "letter 2": [], "letter 4": []}, flags(home))
        test("and every message is the one that it was",
             all(after[s]["ref"] == before[s]["ref"] for s in after), (before, after))
        again = home.run("fetch", "Casa")
        test("nothing comes twice", again.returncode == 0 and len(mailbox.mbox(inbox(home))) == 3, again)


def check_mutt():
    if shutil.which("mutt") is None:
        print("# mutt is not installed: it is not asked")
        return
    with Fake(drop(4)) as server, Home("pop", server.port) as home:
        fetched(server, home, 4)
        before = rows(home, "Casa")
        rc = home.path / "muttrc"
        rc.write_text("set delete=yes quit=yes move=no mark_old=no wait_key=no\n"
                      f"set folder={home.path} spoolfile={inbox(home)} mbox_type=mbox\n")
        keys = "push '<tag-pattern>~s\"letter 2\"<enter><tag-prefix><flag-message>" \
               "<delete-pattern>~s\"letter 3\"<enter><quit>'"
        done = subprocess.run(
            ["script", "-qec", f"mutt -F {rc} -f {inbox(home)} -e {shell(keys)}", "/dev/null"],
            env={"HOME": str(home.path), "TERM": "xterm", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        after = rows(home, "Casa")
        test("mutt flags one and expunges one", sorted(after) == ["letter 1", "letter 2", "letter 4"]
             and "flagged" in after["letter 2"]["flags"], (done, after))
        test("and every message is the one that it was",
             all(after[s]["ref"] == before[s]["ref"] for s in after), (before, after))
        again = home.run("fetch", "Casa")
        test("nothing comes twice", again.returncode == 0 and len(mailbox.mbox(inbox(home))) == 3, again)


def shell(text):
    return "'" + text.replace("'", "'\\''") + "'"


def check_folders():
    with Fake(drop(2)) as server, Home("pop", server.port) as home:
        fetched(server, home, 2)
        work = home.path / ".local/share/buzon/casa/Trabajo%2F2024.mbox"
        shutil.copy(inbox(home), work)
        listed = home.run("list", "Casa/Trabajo/2024")
        test("a folder's messages are listed", b"letter 1" in listed.stdout and b"letter 2" in listed.stdout
             and listed.returncode == 0, listed)
        ref = rows(home, "Casa/Trabajo/2024")["letter 1"]["ref"]
        shown = home.run("show", ref)
        test("and shown", shown.returncode == 0 and b"letter 1" in shown.stdout, (ref, shown))
        empty = home.run("list", "Casa/Trash")
        test("Trash is there before anything is in it", empty.returncode == 0 and empty.stdout == b"", empty)
    with Fake(drop(1)) as server, Home("pop", server.port) as home:
        fetched(server, home, 1)
        logins = len(server.lines)
        shutil.copy(inbox(home), home.path / ".local/share/buzon/casa/Otra.mbox")
        listed = home.run("list", "Casa/Otra")
        test("a local folder is listed without the server, with what another program put there",
             listed.returncode == 0 and b"letter 1" in listed.stdout and listed.stderr == b""
             and len(server.lines) == logins, (listed, server.got))


def check_without_state():
    for name, spoil in (("damaged", lambda p: p.write_bytes(b"not a database at all" * 400)),
                        ("unreadable", lambda p: (p.unlink(), p.mkdir()))):
        with Fake(drop(2)) as server, Home("pop", server.port) as home:
            fetched(server, home, 2)
            data = home.path / ".local/share/buzon/casa"
            for extra in data.glob("state.db-*"):
                extra.unlink()
            spoil(data / "state.db")
            kept = (data / "state.db").read_bytes() if name == "damaged" else None
            mail = inbox(home).read_bytes()
            listed = home.run("list", "Casa")
            test(f"{name} state.db: the mail is listed, and it is said",
                 b"letter 1" in listed.stdout and b"state.db" in listed.stderr, listed)
            again = home.run("fetch", "Casa")
            test(f"{name} state.db: nothing is fetched, nothing is touched",
                 again.returncode != 0 and inbox(home).read_bytes() == mail
                 and (kept is None or (data / "state.db").read_bytes() == kept), again)


check_python()
check_mutt()
check_folders()
check_without_state()
tap.done()
