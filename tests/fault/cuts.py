#!/usr/bin/env python3
"""A line that is cut again and again, after any byte of either direction, while mail is read, marked, filed,
taken back and searched by a worker of buzon's, and another client adds and removes. Then the line is left
alone, and everything is as it was asked for: nothing lost, nothing done twice, nothing forgotten.

    cuts.py [--cuts N]      in make check a few; by `make fault` 100
"""

import argparse
import collections
import imaplib
import os
import pathlib
import random
import re
import select
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE.parent / "proto"))
sys.dont_write_bytecode = True
from cutter import Cutter  # noqa: E402
from dovecot import Dovecot, Missing  # noqa: E402
from fake import LIMIT, Home  # noqa: E402
from imap_actions import EXTENSIONS, Desk, ids  # noqa: E402
from waiting_errand import TWO  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILDDIR", pathlib.Path(os.environ["BUZON"]).parent))
WORK = BUILD / "tests/fault/work"
ALL = os.environ.get("BUZON_FAULT") == "all"
CUTS = 100 if ALL else 6
BARE = "IMAP4rev1 SASL-IR LITERAL+ ID IDLE LIST-STATUS SPECIAL-USE NAMESPACE UNSELECT ESEARCH"
SETS = {"all extensions": None, "no UIDPLUS": BARE + " MOVE ENABLE CONDSTORE QRESYNC",
        "no MOVE": BARE + " UIDPLUS ENABLE CONDSTORE QRESYNC", "no CONDSTORE": BARE + " UIDPLUS MOVE"}
FOLDERS = ("INBOX", "Work", "Archive", "Trash", "Copies")
FILED = FOLDERS[:4]
SEEN, FLAGGED = 1, 4
DELETED = 8  # where a server lets nobody name what to remove
NAMES = {"\\Seen": SEEN, "\\Answered": 2, "\\Flagged": FLAGGED, "\\Deleted": DELETED}
NONE, REFUSED, STALE, UNSUPPORTED = 0, 7, 9, 12  # of bz_err_kind
OF_LINE = (1, 2, 3)  # cancelled, silent, broken
LETTERS, DOOMED, COPIED = 60, 20, 10


def letter(name):
    return (f"From: Eva <eva@example.org>\nSubject: letter {name}\nDate: Mon, 2 Nov 2020 10:00:00 +0000\n"
            f"Message-ID: <{name}@example.org>\n\nhello {name}\n").encode() + b"some more\n" * (sum(name.encode()) % 7)


# --- what is done ---------------------------------------------------------------------------------


class Work:
    """tests/fault/work, and what it told."""

    def __init__(self, home):
        self.home = home
        self.start()

    def start(self):
        names = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
        env = {**{n: os.environ[n] for n in names if n in os.environ}, "HOME": str(self.home.path),
               "LANG": "C.UTF-8"}
        self.process = subprocess.Popen([WORK], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pending, self.waiting, self.notes, self.over, self.moved = b"", 0, [], {}, collections.defaultdict(list)

    def leave(self):
        """Its exit code; kept is what it told last."""
        self.process.stdin.close()
        while self.line() is not None:
            pass
        return self.process.wait(LIMIT)

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def line(self):
        """What it says next, in words; None where it ended."""
        while b"\n" not in self.pending:
            if not select.select([self.process.stdout], [], [], LIMIT)[0]:
                raise TimeoutError("nothing more is answered")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return None
            self.pending += data
        text, self.pending = self.pending.split(b"\n", 1)
        words = text.decode(errors="replace").split(" ")
        if words[0] == "waiting":
            self.waiting = int(words[1])
        elif words[0] == "note":
            self.notes.append(" ".join(words[1:]))
        elif words[0] == "moved":
            self.moved[int(words[1])].append(int(words[2]))
        elif words[0] == "done":
            self.over[int(words[1])] = (int(words[2]), " ".join(words[3:]))
        return words

    def need(self, *first):
        while (words := self.line()) is not None:
            if words[0] in first:
                return words
        raise EOFError(f"it ended: {self.process.wait(LIMIT)}")

    def ask(self, *words):
        """The number of what was asked for; 0: there was nothing to do."""
        self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        self.process.stdin.flush()
        return int(self.need("id")[1])

    def wait(self, number):
        while number not in self.over:
            if self.line() is None:
                raise EOFError(f"it ended: {self.process.wait(LIMIT)}")
        return self.over[number]

    def rows(self, folder):
        """UID -> (flags, name) as the list shows them."""
        self.process.stdin.write(f"rows {folder}\n".encode())
        self.process.stdin.flush()
        rows = {}
        while (words := self.need("row", "end"))[0] == "row":
            rows[int(words[1])] = (int(words[2]) & 15, words[3].split("@")[0])
        return rows


# --- what must be ---------------------------------------------------------------------------------


class Model:
    """Where each message may be, and with which marks. What was answered as done is certain; what failed
    may have been done or not, but not half and not twice."""

    def __init__(self, names):
        self.at = collections.defaultdict(lambda: {"INBOX"}, {name: {"INBOX"} for name in names})
        self.marks = collections.defaultdict(lambda: {SEEN: {False}, FLAGGED: {False}})
        self.copies = collections.defaultdict(lambda: [0, 0])  # at least, at most
        self.steps, self.undone = [], []
        # Taken back from a folder that was never looked at: nothing is known of them with which a lost MOVE or
        # COPY could be found out about later, so the person was told to look, or that they are in both.
        self.said = set()
        self.told = collections.defaultdict(list)  # of each, what was asked for and what was answered

    def went(self, names, source, target, sure):
        for name in names:
            self.told[name].append(f"{source} to {target}{'' if sure else ' failed'}")
            self.at[name] = {target} if sure and len(self.at[name]) == 1 else self.at[name] | {source, target}

    def marked(self, names, add, remove, sure):
        for name in names:
            self.told[name].append(f"+{add} -{remove}{'' if sure else ' failed'}")
            for bit, on in ((add, True), (remove, False)):
                if bit:
                    self.marks[name][bit] = {on} if sure else self.marks[name][bit] | {on}

    def copied(self, names, by, sure):
        for name in names:
            pair = self.copies[name]
            pair[0] += by if sure or by < 0 else 0
            pair[1] += by if sure or by > 0 else 0

    def pushed(self, step):
        self.steps.append(step)
        del self.steps[:-100], self.undone[:]

    def effect(self, step, back, sure):
        kind, names, source, target, add, remove = step
        if kind == "move":
            self.went(names, target if back else source, source if back else target, sure)
        elif kind == "copy":
            self.copied(names, -1 if back else 1, sure)
        else:
            self.marked(names, *((remove, add) if back else (add, remove)), sure)


def is_doomed(name):
    return name.startswith("d")


class Person:
    """Does at random what a person may, and keeps account of it."""

    def __init__(self, desk, seed):
        self.work, self.model, self.random = desk.work, desk.model, random.Random(seed)
        self.did, self.odd, self.folders, self.made = collections.Counter(), [], {}, 0
        self.wrong = []  # what could have waited and did not

    def pick(self, n, fits):
        """A folder, and {uid: name} of some of its messages as listed."""
        for folder in self.random.sample(FILED, len(FILED)):
            rows = {uid: name for uid, (flags, name) in self.work.rows(folder).items()
                    if not flags & DELETED and fits(flags, name)}
            if rows:
                return folder, dict(self.random.sample(sorted(rows.items()), min(n, len(rows))))
        return None, {}

    def turn(self):
        acts = {self.file: 8, self.flag: 8, self.copy: 2, self.take_back: 4, self.open: 4, self.refresh: 4,
                self.read: 4, self.search: 1, self.make_folder: 1, self.name_folder: 1, self.restart: 0.4}
        act = self.random.choices(list(acts), list(acts.values()))[0]
        self.did[act.__name__] += 1
        act()

    def ask(self, *words):
        number = self.work.ask(*words)
        return self.work.wait(number), self.work.moved.pop(number, [])

    def failed(self, what, answer):
        self.did["failed"] += 1
        self.odd.append((what, answer))
        if "in both" in answer[1] or "is not known" in answer[1]:
            self.model.said.update(what[1][1] if what[0] in ("undo", "redo") else what[3])
        if what[0] in ("move", "flags") and answer[0] in OF_LINE:
            self.wrong.append((what, answer))

    def file(self):
        folder, chosen = self.pick(self.random.choice((1, 1, 3)), lambda flags, name: name[0] != "c")
        if not chosen:
            return
        target = self.random.choice([one for one in FILED if one != folder])
        answer, moved = self.ask("move", folder, ",".join(map(str, chosen)), target)
        names = list(chosen.values())
        self.model.went(names, folder, target, answer[0] == NONE)
        if moved:
            self.model.pushed(("move", [chosen[uid] for uid in moved], folder, target, 0, 0))
        if answer[0] != NONE:
            self.failed(("move", folder, target, names), answer)

    def flag(self):
        bit, on = self.random.choice((SEEN, FLAGGED)), self.random.random() < 0.7
        folder, chosen = self.pick(self.random.choice((1, 1, 4)),
                                   lambda flags, name: bool(flags & bit) != on and name[0] != "c")
        if not chosen:
            return
        add, remove = (bit, 0) if on else (0, bit)
        answer, _ = self.ask("flags", folder, ",".join(map(str, chosen)), add, remove)
        names = list(chosen.values())
        self.model.marked(names, add, remove, answer[0] == NONE)
        if answer[0] == NONE:
            self.model.pushed(("flags", names, folder, "", add, remove))
        else:
            self.failed(("flags", folder, names), answer)

    def copy(self):
        rows = {uid: name for uid, (flags, name) in self.work.rows("INBOX").items()
                if name[0] == "c" and not flags & DELETED}
        if not rows:
            return
        uid, name = self.random.choice(sorted(rows.items()))
        answer, moved = self.ask("copy", "INBOX", uid, "Copies")
        self.model.copied([name], 1, answer[0] == NONE)
        if moved:
            self.model.pushed(("copy", [name], "INBOX", "Copies", 0, 0))

    def take_back(self):
        redo = self.random.random() < 0.3
        steps, other = (self.model.undone, self.model.steps) if redo else (self.model.steps, self.model.undone)
        if not steps:
            return
        number = self.work.ask("redo" if redo else "undo")
        if number == 0:
            self.odd.append(("nothing to take back", steps[-1]))
            steps.clear()
            return
        answer, moved = self.work.wait(number), self.work.moved.pop(number, [])
        self.model.effect(steps[-1], not redo, answer[0] == NONE)
        if answer[0] == NONE:
            other.append(steps.pop())
            return
        self.failed(("redo" if redo else "undo", steps[-1]), answer)
        if moved or answer[0] in (REFUSED, STALE, UNSUPPORTED):
            steps.pop()

    def open(self):
        self.ask("open", self.random.choice(FOLDERS))

    def refresh(self):
        self.ask("refresh", self.random.choice(FOLDERS))

    def read(self):
        folder, chosen = self.pick(1, lambda flags, name: True)
        if chosen:
            self.ask("read", folder, *chosen)

    def search(self):
        self.ask("search", self.random.choice(FOLDERS), self.random.choice(("letter", "is:flagged", "hello")))

    def make_folder(self):
        self.made += 1
        name = f"Box{self.made}"
        self.folders[name] = {True} if self.ask("create", name)[0][0] == NONE else {True, False}

    def name_folder(self):
        there = [name for name, may in self.folders.items() if may == {True}]
        if not there:
            return
        self.made += 1
        old, new = self.random.choice(there), f"Box{self.made}"
        sure = self.ask("rename", old, new)[0][0] == NONE
        self.folders[old], self.folders[new] = ({False}, {True}) if sure else ({True, False}, {True, False})

    def restart(self):
        code = self.work.leave()
        if code != 0:
            self.odd.append(("ended with", code))
        self.work.start()
        self.model.steps.clear()
        self.model.undone.clear()


class Other(threading.Thread):
    """Another client, on a line of its own: letters arrive, and some go for ever."""

    def __init__(self, server, seed):
        super().__init__(daemon=True)
        self.server, self.random, self.over = server, random.Random(seed), threading.Event()
        self.added, self.removed, self.failure = [], [], None

    def run(self):
        try:
            line = imaplib.IMAP4("localhost", self.server.ports["imap"])
            line.login("ana", "secret")
            while not self.over.wait(self.random.uniform(0.02, 0.3)):
                self.turn(line)
            line.logout()
        except Exception as why:  # told at the end
            self.failure = why

    def turn(self, line):
        if self.random.random() < 0.4:
            name = f"n{len(self.added) + 1}"
            line.append("INBOX", None, None, letter(name).replace(b"\n", b"\r\n"))
            self.added.append(name)
            return
        line.select(self.random.choice(FILED))
        if self.random.random() < 0.5:
            uids = line.uid("SEARCH", "ALL")[1][0].split()
            if uids:
                line.uid("STORE", self.random.choice(uids).decode(), "+FLAGS.SILENT", "(\\Answered)")
        elif uids := line.uid("SEARCH", "HEADER", "Message-ID", "<d", "UNDELETED")[1][0].split():
            uid = self.random.choice(uids).decode()
            line.uid("STORE", uid, "+FLAGS.SILENT", "(\\Deleted)")
            line.uid("EXPUNGE", uid)


# --- afterwards -----------------------------------------------------------------------------------


def on_server(line, folder):
    """UID -> (flags, name)."""
    line.select(folder, readonly=True)
    rows = {}
    for item in line.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]:
        if isinstance(item, tuple):
            flags = sum(bit for word, bit in NAMES.items() if word.encode() in item[0])
            rows[int(re.search(rb"UID (\d+)", item[0])[1])] = (flags, re.search(rb"<(.*)@", item[1])[1].decode())
    return rows


class Place:
    def __init__(self, server, cutter, home, seed):
        self.server, self.cutter = server, cutter
        names = ([f"l{i}" for i in range(LETTERS)] + [f"d{i}" for i in range(DOOMED)]
                 + [f"c{i}" for i in range(COPIED)])
        self.model, self.work = Model(names), Work(home)
        self.line = imaplib.IMAP4("localhost", server.ports["imap"])
        self.line.login("ana", "secret")

    def settle(self):
        """On a line that works: what waits is made, and every folder is as on the server. What is not."""
        wrong, until = [], time.monotonic() + LIMIT
        for folder in FOLDERS:
            while self.work.wait(self.work.ask("refresh", folder))[0] != NONE and time.monotonic() < until:
                time.sleep(0.05)
        for folder in FOLDERS:
            self.work.wait(self.work.ask("refresh", folder))
            there = on_server(self.line, folder)
            while (here := self.work.rows(folder)) != there and time.monotonic() < until:
                self.work.wait(self.work.ask("open", folder))
                time.sleep(0.05)
            if here != there:
                odd = {uid: (here.get(uid), there.get(uid)) for uid in here.keys() | there.keys()
                       if here.get(uid) != there.get(uid)}
                wrong.append(f"{folder}: (buzon, server): {odd}")
        if self.work.waiting:
            wrong.append(f"{self.work.waiting} changes still wait")
        return wrong

    def judge(self, added):
        """Lost, doubled, elsewhere, marked otherwise."""
        there = collections.defaultdict(list)
        for folder in FOLDERS:
            for flags, name in on_server(self.line, folder).values():
                if not flags & DELETED:
                    there[name].append((folder, flags))
        model, wrong = self.model, []
        for name in {*model.at, *added}:
            at = model.at[name]
            here = [one for one in there[name] if one[0] != "Copies"]
            if is_doomed(name) and not here:
                continue
            if not 1 <= len(here) <= 1 + (name in model.said) or not at.issuperset(folder for folder, _ in here):
                wrong.append(f"{name}: is {here}, should be in {at}; {self.model.told[name]}")
            elif len(here) == 1 and any(bool(here[0][1] & bit) not in may for bit, may in model.marks[name].items()):
                wrong.append(f"{name}: is {here}, should have {model.marks[name]}; {self.model.told[name]}")
        for name, (least, most) in model.copies.items():
            n = sum(folder == "Copies" for folder, _ in there[name])
            if not least <= n <= most:
                wrong.append(f"{name}: {n} copies, not {least} to {most}")
        return wrong

    def judge_folders(self, folders):
        there = {re.search(rb'([^ "]+)"?$', one)[1].decode() for one in self.line.list()[1]}
        return [f"{name}: {name in there}" for name, may in folders.items() if (name in there) not in may]


# --- one cut, at a place of its own ----------------------------------------------------------------

PLACES = {"all extensions": (("UID MOVE", "before"), ("UID MOVE", "after")),
          "no MOVE": (("UID COPY", "before"), ("UID COPY", "after"), ("UID STORE", "before"), ("UID EXPUNGE", "after"))}


def check_move(desk, work, name, command, how):
    """A move in whose midst the line goes, and does not come back at once: it is found out about later."""
    before, relay = desk.folder("INBOX"), desk.relay
    two = sorted(before)[:2]
    relay.cut = lambda words: how if " ".join(words).startswith(command) else None
    relay.closed, relay.was_cut = True, False
    answer = work.wait(work.ask("move", "INBOX", ",".join(map(str, two)), "Papers"))
    waits, here = work.waiting, sorted(work.rows("INBOX"))
    relay.cut, relay.closed = None, False
    while work.wait(work.ask("refresh", "INBOX"))[0] != NONE:
        pass
    papers = sorted(desk.folder("Papers").values())
    test(f"{name}: a move that is cut {how} {command} waits, and is made once", answer[0] == NONE and waits == 2
         and here == sorted(before)[2:] == sorted(desk.folder("INBOX")) and work.waiting == 0 and
         papers == sorted([*ids(21, 22, 23), *(before[uid] for uid in two)]), (answer, waits, here, papers, work.notes))
    number = work.ask("undo")
    back = work.wait(number) if number else ("nothing to take back",)
    test(f"{name}: and can be taken back", back[0] == NONE and len(desk.folder("Papers")) == 3 and
         sorted(desk.folder("INBOX").values()) == sorted(before.values()), back)
    work.wait(work.ask("refresh", "INBOX"))


def check_moves():
    for name, places in PLACES.items():
        with Desk(TWO, EXTENSIONS[name]) as desk:
            work = Work(desk.home)
            work.wait(work.ask("refresh", "INBOX"))
            for command, how in places:
                check_move(desk, work, name, command, how)
            work.leave()


def check(name, capability, cuts, seed):
    config = "" if capability is None else f"protocol imap {{\n  imap_capability = {capability}\n}}\n"
    names = [f"l{i}" for i in range(LETTERS)] + [f"d{i}" for i in range(DOOMED)] + [f"c{i}" for i in range(COPIED)]
    mail = {"INBOX": [letter(one) for one in names], "Work": [], "Copies": []}
    with Dovecot(mail={"ana": mail}, config=config) as server, Cutter(server.ports["imap"], seed) as cutter, \
            Home("imap", cutter.port, password="secret") as home:
        desk = Place(server, cutter, home, seed)
        desk.settle()
        person, other = Person(desk, seed), Other(server, seed + 1)
        other.start()
        cutter.begin(cuts)
        begun = time.monotonic()
        while cutter.left > 0:
            person.turn()
        cutter.rest()
        spent = time.monotonic() - begun
        other.over.set()
        other.join()
        unsettled = desk.settle()
        what = f"{name}, {cuts} cuts (seed {seed})"
        print(f"# {what}, {spent:.1f} s: {dict(person.did)}; {dict(cutter.how)}; {len(other.added)} arrived")
        for one in person.odd:
            print(f"# {one}")
        for one in sorted(set(desk.work.notes)):
            print(f"# note: {one}")
        test(f"{what}: buzon's lists are the server's, and nothing waits any longer", not unsettled,
             "\n".join(unsettled))
        wrong = desk.judge(other.added) + desk.judge_folders(person.folders)
        test(f"{what}: each message is there once, where and as it was asked for", not wrong, "\n".join(wrong))
        test(f"{what}: marks and moves wait where they find no line", not person.wrong, person.wrong)
        test(f"{what}: and everybody was at work until the end", other.failure is None and desk.work.leave() == 0,
             other.failure)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cuts", type=int, default=CUTS)
    options.add_argument("--only")
    options = options.parse_args()
    if not WORK.exists():
        print("1..0 # SKIP tests/fault/work is not built (make check builds it)")
        return
    try:
        Dovecot().start().stop()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    check_moves()
    seed = tap.seed()
    print(f"# seed {seed} (BUZON_SEED)", flush=True)
    for number, (name, capability) in enumerate(SETS.items()):
        if options.only in (None, name):
            check(name, capability, options.cuts, seed + number)
    tap.done()


if __name__ == "__main__":
    main()
