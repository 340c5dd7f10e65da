#!/usr/bin/env python3
"""A folder opened again costs what changed in it: by QRESYNC, by CONDSTORE, and without either as before;
and a server that lies about what changed costs a look at all of it, and never a message."""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
from changing import Device, check_random, difference, letter, listed  # noqa: E402
from dovecot import Dovecot, Missing  # noqa: E402
from fake import Fake, Home, died, imap as fake_imap, imap_row  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

BASE = "IMAP4rev1 SASL-IR LITERAL+ ID IDLE UIDPLUS MOVE"
MODES = {
    "QRESYNC": "",
    "CONDSTORE and ESEARCH": f"imap_capability = {BASE} CONDSTORE ESEARCH",
    "CONDSTORE": f"imap_capability = {BASE} CONDSTORE",
    "neither": f"imap_capability = {BASE}",
}
COUNT = 2000


# --- what it costs -------------------------------------------------------------------------------


class Counted:
    """What the last session moved: bytes from the server, and messages told."""

    def __init__(self, server):
        # Dovecot writes them as the session goes; the session has ended.
        path = max(pathlib.Path(server.rawlog).glob("*.out"), key=lambda p: p.stat().st_mtime_ns)
        self.text = re.sub(r"^[0-9]+\.[0-9]+ ", "", path.read_bytes().decode(errors="replace"), flags=re.M)
        self.bytes = len(self.text)
        self.told = len(re.findall(r"^\* \d+ FETCH ", self.text, re.M))

    def __str__(self):
        return f"{self.bytes} bytes, {self.told} messages told"


def reopen(server, home):
    before = set(pathlib.Path(server.rawlog).glob("*.out"))
    done = home.run("list", "Casa", "--json")
    new = set(pathlib.Path(server.rawlog).glob("*.out")) - before
    return done, Counted(server) if new else None


def agrees(device, done):
    want = device.state()
    return done.returncode == 0 and listed(done)[0] == want, (difference(listed(done)[0], want), done.stderr)


def three_changes(device):
    uids = device.uids()
    device.line.uid("STORE", str(uids[3]), "+FLAGS.SILENT", "(\\Flagged)")
    device.line.uid("STORE", str(uids[700]), "+FLAGS.SILENT", "(\\Deleted)")
    device.line.expunge()
    device.add(1)


# Bytes and messages: the marks of the window are always told, and what changed.
WINDOW = 200
MOST_BYTES, MOST_TOLD = 9000, WINDOW + 5
CHEAP = ("QRESYNC", "CONDSTORE and ESEARCH")


def check_costs(mode, config):
    mail = {"ana": {"INBOX": [letter(i) for i in range(1, COUNT + 1)]}}
    with Dovecot(mail=mail, config=config, rawlog=True) as server, \
            Home("imap", server.ports["imaps"], "tls", server.ca_file, "secret") as home:
        device = Device(server, 1)
        first, cost = reopen(server, home)
        test(f"{mode}: the first time all of it is listed", *agrees(device, first))
        print(f"# {mode}: first: {cost}")
        for what, change in (("nothing", lambda: None), ("3 changes", lambda: three_changes(device)),
                             ("a removal", lambda: device.remove(1))):
            change()
            done, cost = reopen(server, home)
            print(f"# {mode}: {what}: {cost}", flush=True)
            good, why = agrees(device, done)
            test(f"{mode}: after {what} it is as the server has it", good, why)
            if mode in CHEAP or (mode == "CONDSTORE" and what == "nothing"):
                test(f"{mode}: {what} of {COUNT} cost that, not the folder",
                     cost.bytes <= MOST_BYTES and cost.told <= MOST_TOLD, (str(cost), cost.text[-2500:]))


# --- what it costs to be lied to -----------------------------------------------------------------

MESSAGES = 30
SELECTED = ("* FLAGS (\\Seen)\r\n* {n} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT {next}] ok\r\n"
            "* OK [HIGHESTMODSEQ {modseq}] ok\r\n")


class Liar:
    """A server with QRESYNC whose MESSAGES never change: says what it is told to say instead."""

    def __init__(self):
        self.modseq, self.changes, self.ending, self.search = "10", "", "OK done", None
        self.asked = []

    def ranges(self, words):
        for part in words[2 + (words[1] == "UID")].split(","):
            low, _, high = part.partition(":")
            yield from range(int(low), min(int(high or low) if high != "*" else MESSAGES, MESSAGES) + 1)

    def answer(self, line, tag, words):
        text = " ".join(words[1:])
        if words[1] == "ENABLE":
            line.send("* ENABLED QRESYNC\r\n")
        elif words[1] in ("EXAMINE", "SELECT"):
            line.send(SELECTED.format(n=MESSAGES, next=MESSAGES + 1, modseq=self.modseq))
        elif "CHANGEDSINCE" in text:
            self.asked.append(text)
            line.send(self.changes)
            if self.ending is None:
                line.sock.close()
            line.send(f"{tag} {self.ending}\r\n")
            return True
        elif words[1:3] == ["UID", "SEARCH"]:
            line.send(self.search or f'* ESEARCH (TAG "{tag}") UID ALL 1:{MESSAGES}\r\n')
        elif "FETCH" in words[1:3] and "HEADER" not in text:
            line.send("".join(f"* {i} FETCH (UID {i} FLAGS ())\r\n" for i in self.ranges(words)))
        elif "FETCH" in words[1:3]:
            line.send("".join(imap_row(i) for i in self.ranges(words)))
        else:
            return False
        line.send(f"{tag} OK done\r\n")
        return True


GREETING = "* OK [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC ESEARCH] ready\r\n"
LIES = {
    "numbers that go down": {"modseq": "5"},
    "no number": {"modseq": "0"},
    "a number of 64 bits": {"modseq": "9223372036854775808"},
    "a number of 65 bits": {"modseq": "18446744073709551616"},
    "a number that wraps to a good one": {"modseq": "18446744073709551627"},
    "no number but words": {"modseq": "12 and more"},
    "messages that never were are gone": {"changes": "* VANISHED (EARLIER) 31:4294967295\r\n"},
    "all are gone, and are not": {"changes": "* VANISHED (EARLIER) 1:4294967295\r\n"},
    "one is gone, and is not": {"changes": "* VANISHED (EARLIER) 17\r\n"},
    "as many ranges as fit a line": {"changes": "* VANISHED (EARLIER) 1" + ",1" * 300000 + "\r\n"},
    "a set that is none": {"changes": "* VANISHED (EARLIER) 5:*\r\n"},
    "an empty set": {"changes": "* VANISHED (EARLIER)\r\n"},
    "numbers too large": {"changes": "* VANISHED (EARLIER) 4294967296:18446744073709551616\r\n"},
    "all are gone now": {"changes": "* VANISHED 1:4294967295\r\n"},
    "some are gone now that were not": {"changes": "* VANISHED 40:50\r\n"},
    "the same is gone over and over": {"changes": "* VANISHED 17\r\n" * 50},
    "a set that is none, now": {"changes": "* VANISHED 0,x\r\n"},
    "marks of what is not there": {"changes": "* 900 FETCH (UID 900 FLAGS (\\Seen) MODSEQ (12))\r\n"},
    "a mark's number of 65 bits": {"changes": "* 3 FETCH (UID 3 FLAGS () MODSEQ (18446744073709551616))\r\n"},
    "marks without end": {"changes": "* 3 FETCH (UID 3 FLAGS () MODSEQ (12))\r\n" * 40000},
    "a refusal": {"ending": "NO not today"},
    "no such command": {"ending": "BAD what"},
    "a search that finds nothing": {"changes": "* 31 EXISTS\r\n* 31 EXPUNGE\r\n", "search": "* ESEARCH UID\r\n"},
}


def all_there(done):
    rows, order = listed(done)
    return done.returncode == 0 and order == list(range(MESSAGES, 0, -1)) and not any(rows.values())


def lie(name, manner):
    liar = Liar()
    with Fake(fake_imap(n=MESSAGES, greeting=GREETING, answer=liar.answer)) as server, \
            Home("imap", server.port, "none") as home:
        first = home.run("list", "Casa", "--json")
        liar.modseq = "12"
        for key, value in manner.items():
            setattr(liar, key, value)
        lied = home.run("list", "Casa", "--json", measure=True)
        liar.__init__()
        liar.modseq = "14"
        after = home.run("list", "Casa", "--json")
        test(f"{name}: no harm, and nothing missing once the server says how it is",
             all_there(first) and not died(lied) and all_there(after), (first, lied, after))
        if not manner.get("changes", "").startswith("* VANISHED") or "EARLIER" in manner["changes"]:
            test(f"{name}: nor missing before", all_there(lied), lied)


def asks_what_changed():
    """The fake itself: an honest one is asked for the changes and for no more."""
    liar = Liar()
    with Fake(fake_imap(n=MESSAGES, greeting=GREETING, answer=liar.answer)) as server, \
            Home("imap", server.port, "none") as home:
        home.run("list", "Casa")
        liar.modseq, liar.asked = "12", []
        before = len(server.got)
        done = home.run("list", "Casa", "--json")
        test("what changed is asked for once, by the number kept", all_there(done) and liar.asked ==
             ["UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 10 VANISHED)"], (liar.asked, server.got[before:], done))


def is_asked_again_after_a_cut():
    liar = Liar()
    with Fake(fake_imap(n=MESSAGES, greeting=GREETING, answer=liar.answer)) as server, \
            Home("imap", server.port, "none") as home:
        home.run("list", "Casa")
        liar.modseq, liar.ending, liar.changes = "12", None, "* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (11))\r\n"
        cut = home.run("list", "Casa", "--json")
        liar.ending, liar.asked = "OK done", []
        done = home.run("list", "Casa", "--json")
        test("a line cut among the changes: they are asked for again, from the same number", cut.returncode != 0
             and done.returncode == 0 and "(CHANGEDSINCE 10 VANISHED)" in "".join(liar.asked)
             and [u for u, flags in listed(done)[0].items() if flags] == [3], (cut, liar.asked, done))


def main():
    is_asked_again_after_a_cut()
    asks_what_changed()
    for name, manner in LIES.items():
        lie(name, manner)
    try:
        Dovecot().start().stop()
    except Missing as why:
        print(f"# {why}: the rest is skipped")
        tap.done()
        return
    seed = tap.seed()
    print(f"# seed {seed} (BUZON_SEED)", flush=True)
    for mode, config in MODES.items():
        check_costs(mode, config)
    for i, (mode, config) in enumerate(MODES.items()):
        check_random(seed + i, "maildir", config, mode)
    tap.done()


if __name__ == "__main__":
    main()
