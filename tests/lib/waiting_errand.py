"""Changes that wait for the line, and what must be on the server in the end: for tests that interrupt
the run that makes them."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "proto"))
from imap_actions import FLAGGED, MAIL, OK, counted, letter, pairs  # noqa: E402
from tap import test  # noqa: E402

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

    def check(self, name, done, cut=True):
        """Whatever happened: after the next run all is as it was asked for. Then all goes back."""
        desk = self.desk
        desk.relay.cut, desk.relay.closed = None, False
        again, last = desk.drive("replay"), desk.drive("replay")
        fine = (again.returncode == last.returncode == OK and not notes(last) and
                sorted(counted(desk, "INBOX", "Papers").elements()) == self.all and
                sorted(desk.folder("Papers").values()) == self.papers and
                len(flagged(desk, "INBOX")) == self.here and len(flagged(desk, "Papers")) == self.there and
                all("on the server now" in n or "UIDPLUS" in n for n in notes(again)))
        test(f"{name}: made once in the end", fine and desk.relay.was_cut == cut,
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
