#!/usr/bin/env python3
"""A folder that another device changes while buzon lists it: arrivals, removals, marks, a folder that is
made anew, emptied or gone. A real Dovecot, and a seed that is printed; in the end buzon must list what
the server has."""

import imaplib
import json
import os
import pathlib
import random
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from dovecot import Dovecot, Message, Missing  # noqa: E402
from fake import Home  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

ROUNDS = 12
FLAGS = {"\\Seen": "seen", "\\Flagged": "flagged", "\\Answered": "answered", "\\Draft": "draft"}


def letter(i):
    return (b"From: Eva <eva@example.org>\nSubject: letter %d\n"
            b"Date: Mon, 2 Nov 2020 10:00:00 +0000\nMessage-ID: <l%d@example.org>\n\nhello\n" % (i, i))


class Device:
    """Another computer on the same mail."""

    def __init__(self, server, seed, folder="INBOX"):
        self.server, self.random, self.folder, self.count = server, random.Random(seed), folder, 10000
        self.connect()

    def connect(self):
        self.line = imaplib.IMAP4("localhost", self.server.ports["imap"])
        self.line.login("ana", "secret")
        self.line.select(self.folder)

    def uids(self):
        self.line.noop()
        return [int(u) for u in self.line.uid("SEARCH", "ALL")[1][0].split()]

    def some(self, most):
        uids = self.uids()
        return ",".join(str(u) for u in self.random.sample(uids, min(len(uids), self.random.randint(1, most))))

    def add(self, n):
        for _ in range(n):
            self.count += 1
            self.line.append(self.folder, None, None, letter(self.count).replace(b"\n", b"\r\n"))

    def remove(self, most):
        if some := self.some(most):
            self.line.uid("STORE", some, "+FLAGS.SILENT", "(\\Deleted)")
            self.line.expunge()

    def mark(self, most):
        if some := self.some(most):
            self.line.uid("STORE", some, self.random.choice("+-") + "FLAGS.SILENT",
                          f"({self.random.choice(sorted(FLAGS))})")

    def change(self):
        """Dovecot ends a session now and then that it finds inconsistent (mdbox): then another."""
        try:
            self.change_once()
        except imaplib.IMAP4.abort:
            self.connect()

    def change_once(self):
        what = self.random.random()
        if what < 0.35:
            self.add(self.random.choice((1, 1, 2, 5, 30)))
        elif what < 0.65:
            self.remove(self.random.choice((1, 3, 20, 100)))
        else:
            self.mark(self.random.choice((1, 5, 50)))

    def state(self):
        try:
            self.line.noop()
        except imaplib.IMAP4.abort:
            self.connect()
        data = self.line.uid("FETCH", "1:*", "(FLAGS)")[1]
        rows = {}
        for line in data:
            if line is None:
                continue
            text = line.decode()
            uid = int(text.split("UID ")[1].split()[0].rstrip(")"))
            rows[uid] = {word for flag, word in FLAGS.items() if flag in text}
        return rows


def listed(done):
    rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return {row["uid"]: set(row["flags"]) & set(FLAGS.values()) for row in rows}, [r["uid"] for r in rows]


def difference(got, want):
    odd = {u: (got.get(u), want.get(u)) for u in got.keys() | want.keys() if got.get(u) != want.get(u)}
    return f"{len(odd)} differ (uid: buzon, server): {dict(list(sorted(odd.items()))[:10])}"


def check_random(seed, layout, config="", what=""):
    choose = random.Random(seed)
    mail = {"ana": {"INBOX": [Message(letter(i), {"seen"} if i % 3 else set()) for i in range(1, 1300)]}}
    with Dovecot(mail=mail, layout=layout, config=config) as server, \
            Home("imap", server.ports["imaps"], "tls", server.ca_file, "secret") as home:
        device, bad = Device(server, seed), []
        for round in range(ROUNDS):
            for _ in range(choose.choice((0, 1, 4))):
                device.change()
            stop = threading.Event()

            def disturb():
                while not stop.is_set():
                    device.change()
            if choose.random() < 0.6:  # while it lists
                thread = threading.Thread(target=disturb)
                thread.start()
                during = home.run("list", "Casa", *choose.choice(((), ("--limit", "50"))))
                stop.set()
                thread.join()
                if during.returncode != 0:
                    bad.append((round, "during", during.returncode, during.stderr))
            done = home.run("list", "Casa", "--json")
            got, order = listed(done)
            want = device.state()
            if done.returncode != 0 or got != want or order != sorted(order, reverse=True):
                bad.append((round, done.returncode, done.stderr, difference(got, want)))
            few = listed(home.run("list", "Casa", "--json", "--limit", "40"))[0]
            if few != {u: want[u] for u in sorted(want)[-40:]}:
                bad.append((round, "--limit 40", difference(few, want)))
        test(f"{what or layout}: {ROUNDS} rounds of another device's changes (seed {seed})", not bad, bad)


def same(server_rows, done):
    return done.returncode == 0 and listed(done)[0] == server_rows


def check_marks_alone(server, home):
    device = Device(server, 1)
    home.run("list", "Casa")
    device.line.uid("STORE", "1", "+FLAGS.SILENT", "(\\Flagged)")
    done = home.run("list", "Casa", "--json")
    test("a mark on the oldest message alone is seen", same(device.state(), done), done)
    device.line.uid("STORE", "1", "+FLAGS.SILENT", "(\\Deleted)")
    device.line.expunge()
    device.add(1)
    done = home.run("list", "Casa", "--json")
    test("the oldest gone and one arrived: as many as before, and others",
         same(device.state(), done), difference(listed(done)[0], device.state()))


def check_gaps(server, home):
    """UIDs far apart: the window by UID holds too few."""
    device = Device(server, 2)
    uids = device.uids()
    device.line.uid("STORE", ",".join(str(u) for u in uids[-300:] if u % 40), "+FLAGS.SILENT", "(\\Deleted)")
    device.line.expunge()
    home.run("list", "Casa", "--limit", "20")
    device.line.uid("STORE", ",".join(str(u) for u in device.uids()[-30:]), "+FLAGS.SILENT", "(\\Flagged)")
    want = device.state()
    done = home.run("list", "Casa", "--limit", "20", "--json")
    test("with gaps between the UIDs the newest 20 are the newest 20",
         listed(done)[0] == {u: want[u] for u in sorted(want)[-20:]}, difference(listed(done)[0], want))


def check_emptied(server, home):
    device = Device(server, 3)
    device.line.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
    device.line.expunge()
    done = home.run("list", "Casa", "--json")
    test("an emptied folder is empty", same({}, done), done)
    device.add(3)
    done = home.run("list", "Casa", "--json")
    test("and filled again", same(device.state(), done), done)


def check_anew(server, home):
    """Deleted and made again: another UIDVALIDITY, the same numbers for other messages."""
    line = Device(server, 4).line
    for name, subject in (("one", 1), ("two", 2)):
        line.select("INBOX")
        line.delete("Anew")
        line.create("Anew")
        for i in range(5):
            line.append("Anew", None, None, letter(subject * 100 + i).replace(b"\n", b"\r\n"))
        done = home.run("list", "Casa/Anew")
        test(f"made {name}: the folder's own messages are listed, no others", done.returncode == 0
             and done.stdout.count(b"letter %d0" % subject) == 5, done)
    line.delete("Anew")
    done = home.run("list", "Casa/Anew")
    test("a folder that is gone: 66 and a sentence", done.returncode == 66 and b"Anew" in done.stderr, done)
    done = home.run("list")
    test("and it is listed no longer", done.returncode == 0 and b"Anew" not in done.stdout, done)


NAMES = ['quo"te', "back\\slash", "a & b", "&", "pl\u00e4tze", "\u65e5\u672c/deep/er", "{5}", "sp  ace", "%", "*x",
         "(paren", "tab\tname", "\U0001f4ec", "ends in \\", "' OR 1", "~tilde", "..", "a" * 200]


def utf7(name):
    out, run = "", ""
    for c in name + "\0":
        if run and (c == "\0" or " " <= c <= "~"):
            import base64
            coded = base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            out, run = out + f"&{coded}-", ""
        if c == "\0":
            break
        if " " <= c <= "~":
            out += "&-" if c == "&" else c
        else:
            run += c
    return out


def check_names(server, home):
    line, made, bad = Device(server, 5).line, [], []
    for name in NAMES:
        wire = utf7(name)
        quoted = '"' + wire.replace("\\", "\\\\").replace('"', '\\"') + '"'
        if line.create(quoted)[0] != "OK":
            continue
        line.append(quoted, None, None, letter(7000 + len(made)).replace(b"\n", b"\r\n"))
        made.append(name)
    for name in made:
        done = home.run("list", f"Casa/{name}")
        if done.returncode != 0 or done.stdout.count(b"letter") != 1:
            bad.append((name, done))
    test(f"{len(made)} folders with odd names are opened by them", len(made) > 10 and not bad, bad)
    done = home.run("list")
    test("and shown", all(name in done.stdout.decode() for name in made if "\t" not in name), done)


def main():
    try:
        Dovecot().start().stop()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    seed = tap.seed()
    print(f"# seed {seed} (BUZON_SEED)", flush=True)
    check_random(seed, "maildir")
    check_random(seed + 1, "mdbox")
    mail = {"ana": {"INBOX": [letter(i) for i in range(1, 701)]}}
    with Dovecot(mail=mail) as server, \
            Home("imap", server.ports["imaps"], "tls", server.ca_file, "secret") as home:
        check_marks_alone(server, home)
        check_gaps(server, home)
        check_emptied(server, home)
        check_anew(server, home)
        check_names(server, home)
    tap.done()


if __name__ == "__main__":
    main()
