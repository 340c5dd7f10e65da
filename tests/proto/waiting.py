#!/usr/bin/env python3
"""Changes made without a line: they wait in state.db and are made on the server once, in order, when
there is one. A real Dovecot with its extensions and without them, other clients at work meanwhile,
lines that are cut and runs that are killed at each command. No message is ever lost or doubled."""

import pathlib
import signal
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
from imap_actions import DRIVE, EXTENSIONS, FLAGGED, LIMIT, NET, OK, Desk, ids, letter  # noqa: E402
from waiting_errand import TWO, Errand, flagged, known, notes, rows  # noqa: E402
from dovecot import Dovecot, Missing  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

SEEN = 1


def check_made():
    for name, capability in EXTENSIONS.items():
        with Desk(TWO, capability) as desk:
            known(desk)
            del desk.relay.commands[:]
            waits = [desk.drive("wait-flags", "INBOX", "3", str(FLAGGED), "0"),
                     desk.drive("wait-flags", "INBOX", "2", str(SEEN), "0"),
                     desk.drive("wait-move", "INBOX", "2", "Papers")]
            here = rows(desk)
            test(f"{name}: without a line they are shown, and nothing is sent",
                 [w.returncode for w in waits] == [OK] * 3 and not desk.relay.commands and
                 sorted(here) == list(range(3, 13)) and here[3] == FLAGGED, (waits, here))
            done = desk.drive("replay")
            test(f"{name}: with one they are made", done.returncode == OK and flagged(desk, "INBOX") == [3] and
                 sorted(desk.folder("INBOX").values()) == ids(*range(3, 13)) and
                 sorted(desk.folder("Papers").values()) == ids(1, 2, 21, 22, 23), (done, desk.relay.commands))
            test(f"{name}: the marks went with the messages, like changes in one command",
                 len(flagged(desk, "Papers")) == 2 and len(flagged(desk, "Papers", "SEEN")) == 2 and
                 len([c for c in desk.relay.asked("UID STORE") if "Deleted" not in c]) == 2 and
                 len(desk.relay.asked("UID MOVE", "UID COPY")) == 1, desk.relay.commands)
            del desk.relay.commands[:]
            done = desk.drive("replay")
            test(f"{name}: once", done.returncode == OK and not desk.relay.commands and not notes(done), done)


def check_taken_back():
    with Desk(TWO) as desk:
        known(desk)
        before = rows(desk)
        desk.drive("wait-flags", "INBOX", "2", str(FLAGGED), "0")
        desk.drive("wait-flags", "INBOX", "2", "0", str(FLAGGED))
        desk.drive("wait-undo", "INBOX", "2", "Papers")
        del desk.relay.commands[:]
        done = desk.drive("replay")
        test("what was taken back before was never done", done.returncode == OK and rows(desk) == before and
             not desk.relay.commands, (done, rows(desk)))


def check_taken_back_too_late():
    """The line was lost in the midst of it: it may have been made."""
    with Desk(TWO) as desk:
        known(desk)
        desk.drive("wait-flags", "INBOX", "2", str(FLAGGED), "0")
        desk.relay.cut = lambda words: "after" if words[:2] == ["UID", "STORE"] else None
        desk.relay.closed = True
        cut = desk.drive("replay")
        desk.drive("wait-flags", "INBOX", "2", "0", str(FLAGGED))
        desk.relay.cut, desk.relay.closed = None, False
        done = desk.drive("replay")
        test("what was taken back in the midst of a cut is taken back", cut.returncode == NET and
             done.returncode == OK and not flagged(desk, "INBOX") and rows(desk)[1] & FLAGGED == 0,
             (cut, done, flagged(desk, "INBOX")))


def check_many():
    mail = {"INBOX": [letter(i) for i in range(1, 1001)], "Papers": []}
    with Desk(mail) as desk:
        known(desk)
        desk.drive("wait-flags", "INBOX", "700", str(FLAGGED), "0")
        desk.drive("wait-move", "INBOX", "500", "Papers")
        del desk.relay.commands[:]
        done = desk.drive("replay")
        test("hundreds go in few commands", done.returncode == OK and len(desk.folder("Papers")) == 500 and
             len(flagged(desk, "INBOX")) == 200 and len(desk.relay.asked("UID STORE", "UID MOVE")) <= 6,
             (done, desk.relay.commands))


def check_meanwhile():
    for name, capability in EXTENSIONS.items():
        with Desk(TWO, capability) as desk:
            known(desk)
            desk.drive("wait-flags", "INBOX", "1", str(FLAGGED), "0")
            desk.drive("wait-move", "INBOX", "4", "Papers")
            desk.remove("INBOX", "1,3")
            done = desk.drive("replay")
            test(f"{name}: what another client removed is said once, not invented", done.returncode == OK and
                 sorted(desk.folder("Papers").values()) == ids(2, 4, 21, 22, 23) and
                 len([n for n in notes(done) if "not there any more" in n]) == 1, (done, desk.folder("Papers")))
    with Desk(TWO) as desk:
        known(desk)
        desk.drive("wait-flags", "Papers", "2", str(FLAGGED), "0")
        desk.drive("wait-move", "Papers", "1", "INBOX")
        desk.other.delete("Papers")
        desk.other.create("Papers")
        for i in range(21, 24):
            desk.other.append("Papers", None, None, letter(i))
        done = desk.drive("replay")
        test("another UIDVALIDITY: nothing is done to the wrong messages, and that is said", done.returncode == OK and
             sorted(desk.folder("Papers").values()) == ids(21, 22, 23) and not flagged(desk, "Papers") and
             len([n for n in notes(done) if "not made on the server" in n]) == 2, done)
        test("and not again", not notes(desk.drive("replay")))


def check_refused():
    with Desk(TWO) as desk:
        known(desk)
        desk.drive("wait-move", "INBOX", "2", "Papers")
        desk.other.delete("Papers")
        done = desk.drive("replay")
        test("a target that is gone: said, and the messages are in the list again", done.returncode == OK and
             len(notes(done)) == 1 and len(rows(desk)) == 12 and len(desk.folder("INBOX")) == 12, (done, rows(desk)))


def check_cut(desk, name, command, how, closed):
    """closed: the line does not come back for that run."""
    errand = Errand(desk)
    desk.relay.closed = closed
    desk.relay.cut = lambda words: how if " ".join(words).startswith(command) else None
    done = desk.drive("replay")
    errand.check(f"{name}: cut {how} {command}{' for good' if closed else ''}", done)


def check_killed(desk, name, command, how):
    """SIGKILL before the command is at the server, or when it has been done."""
    errand = Errand(desk)
    started, process = threading.Event(), None

    def cut(words):
        if not " ".join(words).startswith(command):
            return None
        if how == "before":
            started.wait(LIMIT)
            process.send_signal(signal.SIGKILL)
        return how
    desk.relay.cut, desk.relay.hold = cut, how == "after"
    process = subprocess.Popen([DRIVE, "replay"], env=desk.environment(), stderr=subprocess.PIPE)
    started.set()
    if how == "after":
        desk.relay.done.wait(LIMIT)
        process.send_signal(signal.SIGKILL)
        desk.relay.released.set()
    process.communicate(timeout=LIMIT)
    assert process.returncode == -signal.SIGKILL, (name, command, desk.relay.commands)
    errand.check(f"{name}: killed {how} {command} was done", process.returncode)


PLACES = {"all extensions": ("UID MOVE", "UID STORE", "UID FETCH"), "no UIDPLUS": ("UID MOVE",),
          "no MOVE": ("STATUS", "UID COPY", "UID STORE", "UID EXPUNGE"), "neither": ("UID COPY",)}


def check_faults():
    for name, commands in PLACES.items():
        with Desk(TWO, EXTENSIONS[name]) as desk:
            for command in commands:
                for how in ("before", "after"):
                    check_cut(desk, name, command, how, False)
                    check_cut(desk, name, command, how, True)
                    check_killed(desk, name, command, how)


def main():
    try:
        Dovecot().start().stop()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    check_made()
    check_taken_back()
    check_taken_back_too_late()
    check_many()
    check_meanwhile()
    check_refused()
    check_faults()
    tap.done()


if __name__ == "__main__":
    main()
