#!/usr/bin/env python3
"""What works with Dovecot works with Cyrus: listed, read, followed, filed, undone; folders made, renamed,
deleted. Skipped where no Cyrus is at hand (BUZON_CYRUS, see tests/lib/cyrus.py)."""

import json
import sys

import imap_actions as actions
from imap_actions import MAIL, OK, Desk, letter
import cyrus
from fake import Home
import tap
from tap import test

NAME = "Cyrus"


def rows(home, folder="INBOX"):
    out = home.run("list", f"Casa/{folder}", "--json")
    return [json.loads(row) for row in out.stdout.splitlines()] if out.returncode == 0 else out


def subjects(home, folder="INBOX"):
    listed = rows(home, folder)
    return [row["subject"] for row in listed] if isinstance(listed, list) else listed


def check_reading():
    mail = {"INBOX": [letter(i) for i in range(1, 301)], "Caf&AOk-": [letter(900)]}
    with cyrus.Cyrus(mail) as server, Home("imap", server.ports["imaps"], "tls", server.ca_file, "secret") as home:
        expected = [f"letter {i}" for i in range(300, 0, -1)]
        test(f"{NAME}: 300 are listed, the newest first", subjects(home) == expected, subjects(home))
        test(f"{NAME}: a folder with another letter, too", subjects(home, "Caf\u00e9") == ["letter 900"],
             home.run("list").stdout)
        uid = rows(home)[0]["ref"]
        shown = home.run("show", uid)
        test(f"{NAME}: a message is read", shown.returncode == 0 and b"hello" in shown.stdout, shown)
        other = server.login()
        other.select("INBOX")
        other.store("10:20", "+FLAGS.SILENT", "(\\Deleted)")
        other.expunge()
        other.store("1", "+FLAGS", "(\\Flagged)")
        other.append("INBOX", None, None, letter(301).replace(b"\n", b"\r\n"))
        other.logout()
        expected = ["letter 301"] + [one for one in expected if not 10 <= int(one.split()[1]) <= 20]
        test(f"{NAME}: what another device did is seen", subjects(home) == expected, subjects(home))
        test(f"{NAME}: and the mark that it set", "flagged" in json.dumps(rows(home)[-1]).lower(), rows(home)[-1])


def check_filing():
    with Desk(MAIL, server=cyrus.Cyrus(MAIL)) as desk:
        actions.check_move(NAME, desk)
        actions.check_undo(NAME, desk)
        actions.check_copy(NAME, desk)
        actions.check_delete(NAME, desk)
        wrong = desk.relay.asked("EXPUNGE", "CLOSE")
        test(f"{NAME}: never EXPUNGE of all", not wrong, wrong)


def check_folders():
    with Desk(MAIL, server=cyrus.Cyrus(MAIL)) as desk:
        made = desk.drive("create", "A\u00f1o/uno")
        again = desk.drive("create", "A\u00f1o/uno")
        test(f"{NAME}: a folder is made, not twice", made.returncode == OK and again.returncode == actions.REFUSED,
             (made, again))
        moved = desk.drive("move", "INBOX", "2", "A&APE-o/uno")
        renamed = desk.drive("rename", "A&APE-o/uno", "Dos")
        test(f"{NAME}: renamed with what is in it", moved.returncode == renamed.returncode == OK and
             len(desk.folder("Dos")) == 2, (moved, renamed, desk.folder("Dos")))
        gone = desk.drive("delete", "Dos")
        test(f"{NAME}: deleted", gone.returncode == OK and not desk.folder("Dos"), gone)


if __name__ == "__main__":
    if cyrus.there() is None:
        print("1..0 # SKIP no second server: BUZON_CYRUS is not set")
        sys.exit(0)
    check_reading()
    check_filing()
    check_folders()
    tap.done()
