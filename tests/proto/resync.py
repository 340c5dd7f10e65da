#!/usr/bin/env python3
"""A folder opened again costs what changed in it: by QRESYNC, by CONDSTORE, and without either as before;
and a server that lies about what changed costs a look at all of it, and never a message."""

import os
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
from changing import Device, check_random, difference, letter, listed  # noqa: E402
from dovecot import Dovecot, Missing  # noqa: E402
from fake import Fake, Home, PASSWORD, died, imap_row  # noqa: E402
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


def main():
    try:
        Dovecot().start().stop()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    seed = tap.seed()
    print(f"# seed {seed} (BUZON_SEED)", flush=True)
    for mode, config in MODES.items():
        check_costs(mode, config)
    tap.done()


if __name__ == "__main__":
    main()
