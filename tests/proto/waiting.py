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
from imap_actions import (DRIVE, EXTENSIONS, FLAGGED, LIMIT, MAIL, OK, Desk, counted, ids, letter,  # noqa: E402
                          pairs)
from dovecot import Dovecot, Missing  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

SEEN = 1
TWO = {**MAIL, "Papers": [letter(i) for i in range(21, 24)]}


def known(desk, *folders):
    """The rows of all messages are here, as a screen would have them."""
    for folder in folders or ("INBOX", "Papers"):
        desk.drive("flags", folder, "1", "0", "0")


def rows(desk, folder="INBOX"):
    """UID -> flags as the list shows them."""
    return dict(pairs(desk.drive("list", folder)))


def flagged(desk, folder, flag="FLAGGED"):
    desk.other.select(f'"{folder}"', readonly=True)
    return sorted(map(int, desk.other.uid("SEARCH", flag, "UNDELETED")[1][0].split()))


def notes(done):
    return [line for line in done.stderr.decode().splitlines() if line.startswith("note: ")]


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


class Errand:
    """Four messages marked and three of them moved, without a line, from whatever is there."""

    def __init__(self, desk):
        self.desk = desk
        relay = desk.relay
        relay.cut, relay.closed, relay.was_cut, relay.hold = None, False, False, False
        relay.done.clear(), relay.released.clear()
        known(desk)
        inbox = desk.folder("INBOX")
        four = [inbox[uid] for uid in sorted(inbox)][:4]
        self.all = sorted(counted(desk, "INBOX", "Papers").elements())
        self.papers = sorted([*desk.folder("Papers").values(), *four[:3]])
        self.there, self.here = len(flagged(desk, "Papers")) + 3, len(flagged(desk, "INBOX")) + 1
        desk.drive("wait-flags", "INBOX", "4", str(FLAGGED), "0")
        desk.drive("wait-move", "INBOX", "3", "Papers")
        del relay.commands[:]

    def check(self, name, done):
        """Whatever happened: after the next run all is as it was asked for. Then all goes back."""
        desk = self.desk
        desk.relay.cut, desk.relay.closed = None, False
        again, last = desk.drive("replay"), desk.drive("replay")
        fine = (again.returncode == last.returncode == OK and not notes(last) and
                sorted(counted(desk, "INBOX", "Papers").elements()) == self.all and
                sorted(desk.folder("Papers").values()) == self.papers and
                len(flagged(desk, "INBOX")) == self.here and len(flagged(desk, "Papers")) == self.there and
                all("on the server now" in n or "UIDPLUS" in n for n in notes(again)))
        test(f"{name}: made once in the end", fine and desk.relay.was_cut,
             (done, again, last, self.all, desk.folder("INBOX"), desk.folder("Papers"), desk.relay.commands))
        desk.other.select("INBOX")
        desk.other.expunge()
        desk.other.select("Papers")
        desk.other.copy("1:*", "INBOX")
        desk.other.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
        desk.other.expunge()
        desk.other.select("INBOX")
        desk.other.store("1:*", "-FLAGS.SILENT", "(\\Flagged)")
        desk.other.close()


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
    check_many()
    check_meanwhile()
    check_refused()
    check_faults()
    tap.done()


if __name__ == "__main__":
    main()
