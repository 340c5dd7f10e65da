#!/usr/bin/env python3
"""Filing on the server: moved, copied, deleted, undone and done again; folders made, renamed, deleted.
A real Dovecot with its extensions and without them, behind a relay that keeps what is asked and cuts
the line where told. No message is ever lost or doubled."""

import collections
import imaplib
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from dovecot import Dovecot, Missing  # noqa: E402
from fake import LIMIT, Fake, Home  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILDDIR", pathlib.Path(os.environ["BUZON"]).parent))
DRIVE = BUILD / "tests/fault/drive"
BARE = "IMAP4rev1 SASL-IR LITERAL+ ID LIST-STATUS SPECIAL-USE"
EXTENSIONS = {"all extensions": None, "no MOVE": BARE + " UIDPLUS", "no UIDPLUS": BARE + " MOVE", "neither": BARE}
FLAGGED = 4
OK, STALE, REFUSED, NET = 0, 66, 69, 75


def letter(i):
    return (b"From: Eva <eva@example.org>\nSubject: letter %d\n"
            b"Date: Mon, 2 Nov 2020 10:00:00 +0000\nMessage-ID: <l%d@example.org>\n\nhello\n" % (i, i))


class Relay(Fake):
    """To Dovecot's port in clear. cut(words) -> None, "before" the command reaches it, "after" it was
    done and before the answer is seen, or "idle": it is answered OK, and nothing was done. closed: nobody
    is let in any more after a cut. secret: the server tells what it can only when asked, and less before
    the login. hold: after a command was done the line stays as it is until it is released."""

    def __init__(self, port, cut=None, closed=False, secret=False):
        super().__init__(self.relay)
        self.secret = secret
        self.target, self.cut, self.closed, self.commands, self.was_cut = port, cut, closed, [], False
        self.hold, self.done, self.released = False, threading.Event(), threading.Event()

    def relay(self, line):
        if self.was_cut and self.closed:
            return
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            quiet, answered = threading.Event(), threading.Event()
            tag = [b"?"]

            def down():
                held = b""
                try:
                    while data := server.recv(65536):
                        if not quiet.is_set():
                            line.send(re.sub(rb"\[CAPABILITY [^]]*\] ", b"", data) if self.secret else data)
                            continue
                        held += data
                        if re.search(rb"^%s (OK|NO|BAD)" % tag[0], held, re.M):
                            break
                except OSError:
                    pass
                answered.set()

            def forward():
                while True:
                    text = line.line()
                    words = text.split(" ")
                    self.commands.append(" ".join(words[1:]))
                    how = self.cut(words[1:]) if self.cut is not None and not self.was_cut else None
                    if how == "idle":
                        self.was_cut, text = True, words[0] + " NOOP"
                    elif how is not None:
                        self.was_cut = True
                        tag[0] = words[0].encode()
                        quiet.set()
                    if how == "before":
                        return
                    server.sendall(text.encode() + b"\r\n")
                    if how == "after":
                        answered.wait(LIMIT)
                        self.done.set()
                        if self.hold:
                            self.released.wait(LIMIT)
                        return

            thread = threading.Thread(target=down, daemon=True)
            thread.start()
            try:
                forward()
            finally:
                server.shutdown(socket.SHUT_RDWR)
                thread.join(LIMIT)

    def asked(self, *beginnings):
        return [c for c in self.commands if c.startswith(beginnings)]


def server_with(messages, capability=None, config="", **more):
    if capability is not None:
        config += f"\nprotocol imap {{\n  imap_capability = {capability}\n}}\n"
    return Dovecot(mail={"ana": messages}, config=config, **more)


class Desk:
    """A server, the relay before it, an account there, and another client."""

    def __init__(self, messages, capability=None, cut=None, closed=False, secret=False, config="", server=None,
                 **more):
        self.server = server or server_with(messages, capability, config, **more)
        self.cut, self.closed, self.secret = cut, closed, secret

    def __enter__(self):
        self.server.start()
        self.relay = Relay(self.server.ports["imap"], self.cut, self.closed, self.secret)
        self.relay.__enter__()
        self.home = self.another_home()
        self.other = imaplib.IMAP4("localhost", self.server.ports["imap"])
        self.other.login("ana", "secret")
        return self

    def __exit__(self, *_):
        self.home.__exit__()
        self.relay.__exit__()
        self.server.stop()

    def another_home(self):
        return Home("imap", self.relay.port, password="secret")

    def environment(self, home=None, **more):
        names = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
        return {**{n: os.environ[n] for n in names if n in os.environ},
                "HOME": str((home or self.home).path), "LANG": "C.UTF-8", **more}

    def drive(self, *argv, pause=None, home=None, **env):
        """pause(): what another client does once the messages were listed."""
        if pause is not None:
            env["DRIVE_PAUSE"] = "1"
        process = subprocess.Popen([DRIVE, *argv], env=self.environment(home, **env), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if pause is not None:
            assert process.stdout.readline() == b"paused\n"
            pause()
        out, err = process.communicate(b"\n", timeout=LIMIT)
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def folder(self, name, deleted=False):
        """UID -> Message-ID of what is there, without what is marked as deleted."""
        if self.other.select(f'"{name}"', readonly=True)[0] != "OK":
            return {}
        rows = {}
        data = self.other.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
        for item in data:
            if isinstance(item, tuple) and (deleted or b"\\Deleted" not in item[0]):
                rows[int(re.search(rb"UID (\d+)", item[0])[1])] = re.search(rb"<(.*)>", item[1])[1].decode()
        self.other.unselect() if "UNSELECT" in self.other.capabilities else None
        return rows

    def mark(self, folder, uids):
        self.other.select(folder)
        self.other.uid("STORE", uids, "+FLAGS.SILENT", "(\\Deleted)")

    def remove(self, folder, uids):
        self.mark(folder, uids)
        self.other.expunge()


def pairs(done):
    return [tuple(map(int, line.split())) for line in done.stdout.decode().splitlines()]


def ids(*numbers):
    return sorted(f"l{n}@example.org" for n in numbers)


def went(before, after, told):
    """Does each pair name one message by its UIDs before and after?"""
    return all(before.get(a) == after.get(b) is not None for a, b in told)


MAIL = {"INBOX": [letter(i) for i in range(1, 13)]}


# --- moved, copied, deleted ----------------------------------------------------------------------


def check_move(name, desk):
    before = desk.folder("INBOX")
    desk.mark("INBOX", str(max(before)))  # another client's, not ours to remove
    done = desk.drive("move", "INBOX", "3", "Archive")
    after = desk.folder("Archive")
    test(f"{name}: three are moved, and where they are is known", done.returncode == OK and
         sorted(after.values()) == ids(1, 2, 3) and len(pairs(done)) == 3 and went(before, after, pairs(done)),
         (done, after))
    test(f"{name}: they left their folder, the others did not", sorted(desk.folder("INBOX").values()) ==
         ids(*range(4, 12)) and "l12@example.org" in desk.folder("INBOX", deleted=True).values(),
         desk.folder("INBOX", deleted=True))


def check_undo(name, desk):
    inbox = sorted(desk.folder("INBOX").values())
    done = desk.drive("undo", "INBOX", "2", "Archive")
    test(f"{name}: undone, they are back", done.returncode == OK and len(pairs(done)) == 4 and
         sorted(desk.folder("INBOX").values()) == inbox and sorted(desk.folder("Archive").values()) == ids(1, 2, 3),
         (done, desk.folder("INBOX"), desk.folder("Archive")))
    done = desk.drive("redo", "INBOX", "2", "Archive")
    test(f"{name}: done again, they are there", done.returncode == OK and len(pairs(done)) == 6 and
         len(desk.folder("Archive")) == 5 and len(desk.folder("INBOX")) == len(inbox) - 2,
         (done, desk.folder("INBOX"), desk.folder("Archive")))


def check_copy(name, desk):
    inbox, archive = desk.folder("INBOX"), desk.folder("Archive")
    done = desk.drive("undo-copy", "INBOX", "2", "Archive")
    test(f"{name}: a copy that is undone is gone, the message is not", done.returncode == OK and
         desk.folder("INBOX") == inbox and desk.folder("Archive") == archive, (done, desk.folder("Archive")))
    done = desk.drive("copy", "INBOX", "2", "Archive")
    test(f"{name}: copied, they are in both", done.returncode == OK and len(pairs(done)) == 2 and
         desk.folder("INBOX") == inbox and len(desk.folder("Archive")) == len(archive) + 2, (done, desk.folder("Archive")))


def check_delete(name, desk):
    inbox = desk.folder("INBOX")
    done = desk.drive("expunge", "INBOX", "2")
    left = desk.folder("INBOX")
    test(f"{name}: two are deleted for ever, no others", done.returncode == OK and len(left) == len(inbox) - 2 and
         left.items() <= inbox.items(), (done, inbox, left))


def check_filing():
    for name, capability in EXTENSIONS.items():
        with Desk(MAIL, capability) as desk:
            check_move(name, desk)
            check_undo(name, desk)
            check_copy(name, desk)
            check_delete(name, desk)
            wrong = desk.relay.asked("EXPUNGE", "CLOSE")
            if capability is not None and " MOVE" not in capability:
                wrong += desk.relay.asked("UID MOVE")
            if capability is not None and "UIDPLUS" not in capability:
                wrong += desk.relay.asked("UID EXPUNGE")
            test(f"{name}: nothing is sent that the server does not offer, nor EXPUNGE of all", not wrong, wrong)


def check_many():
    mail = {"INBOX": [letter(i) for i in range(1, 1001)]}
    for name, capability in EXTENSIONS.items():
        with Desk(mail, capability) as desk:
            desk.remove("INBOX", ",".join(str(i) for i in range(3, 1000, 3)))
            done = desk.drive("move", "INBOX", "500", "Archive")
            asked = desk.relay.asked("UID MOVE", "UID COPY", "UID STORE", "UID EXPUNGE")
            test(f"{name}: 500 go in few commands, none of them long", done.returncode == OK and
                 len(desk.folder("Archive")) == 500 and len(desk.folder("INBOX")) == 167 and
                 len(pairs(done)) == 500 and len(asked) <= 6 and max(map(len, asked)) < 4100,
                 (done.returncode, done.stderr, len(asked), [len(a) for a in asked]))


def check_marks():
    with Desk({"INBOX": [letter(i) for i in range(1, 1001)]}) as desk:
        desk.remove("INBOX", ",".join(str(i) for i in range(3, 1000, 3)))
        done = desk.drive("flags", "INBOX", "600", str(FLAGGED), "0")
        asked = desk.relay.asked("UID STORE")
        desk.other.select("INBOX", readonly=True)
        marked = desk.other.search(None, "FLAGGED")[1][0].split()
        test("600 are marked in few commands, none of them long", done.returncode == OK and len(marked) == 600 and
             len(asked) == 2 and max(map(len, asked)) < 4100, (done, len(marked), [len(a) for a in asked]))


# --- what others do meanwhile --------------------------------------------------------------------


def check_meanwhile():
    for name, capability in EXTENSIONS.items():
        with Desk(MAIL, capability) as desk:
            done = desk.drive("move", "INBOX", "5", "Archive", pause=lambda: desk.remove("INBOX", "2,4"))
            test(f"{name}: what another client removed meanwhile is not invented", done.returncode == OK and
                 sorted(desk.folder("Archive").values()) == ids(1, 3, 5) and len(pairs(done)) == 3,
                 (done, desk.folder("Archive")))
            del desk.relay.commands[:]
            done = desk.drive("move", "INBOX", "2", "Archive", pause=lambda: desk.remove("INBOX", "6,7"))
            test(f"{name}: where all are gone it is said", done.returncode == STALE and not pairs(done) and
                 b"no longer there" in done.stderr, done)


def check_secret():
    for verb in (("move", "INBOX", "2", "Archive"), ("expunge", "INBOX", "2")):
        with Desk(MAIL, secret=True) as desk:
            done = desk.drive(*verb)
            test(f"{verb[0]}: a server that does not say by itself what it can is asked", done.returncode == OK and
                 len(desk.folder("INBOX", deleted=True)) == 10, (done, desk.relay.commands))


def check_stale():
    with Desk(MAIL) as desk:
        for verb in (("move", "INBOX", "3", "Archive"), ("copy", "INBOX", "3", "Archive"), ("expunge", "INBOX", "3")):
            done = desk.drive(*verb, DRIVE_STALE="1")
            test(f"{verb[0]}: a reference of another UIDVALIDITY: nothing is sent", done.returncode == STALE and
                 not desk.relay.asked("UID MOVE", "UID COPY", "UID STORE"), (done, desk.relay.commands))


def check_idle():
    """Dovecot's maildir, while another session looks on, answers OK and removes nothing."""
    for verb in ("expunge", "move"):
        with Desk(MAIL, EXTENSIONS["no MOVE"], lambda words: "idle" if words[:2] == ["UID", "EXPUNGE"] else None) as desk:
            done = desk.drive(verb, "INBOX", "3", *(["Archive"] if verb == "move" else []))
            test(f"{verb}: what was not removed though the server said OK is removed",
                 done.returncode == OK and len(desk.folder("INBOX", deleted=True)) == 9 and desk.relay.was_cut,
                 (done, desk.folder("INBOX", deleted=True), desk.relay.commands))


# --- a line that is cut --------------------------------------------------------------------------


def counted(desk, *folders):
    return collections.Counter(m for f in folders for m in desk.folder(f).values())


def check_cut_at(name, capability, command, how, verb, code):
    def cut(words):
        return how if words[:2] == command.split(" ") else None
    with Desk(MAIL, capability, cut) as desk:
        done = desk.drive(verb, "INBOX", "3", "Archive")
        wanted = collections.Counter(ids(*range(1, 13)) + (ids(1, 2, 3) if verb == "copy" and how == "after" else []))
        there = how == "after" or command not in ("UID MOVE", "UID COPY")
        moved = pairs(done)
        fine = (done.returncode == code and counted(desk, "INBOX", "Archive") == wanted and
                sorted(desk.folder("Archive").values()) == (ids(1, 2, 3) if there else []) and
                len(moved) == (3 if there else 0) and desk.relay.was_cut and
                len(desk.relay.asked("UID MOVE", "UID COPY")) == 1)
        test(f"{name}: cut {how} {command} of a {verb}: nothing is lost, doubled or sent twice", fine,
             (done, desk.folder("INBOX"), desk.folder("Archive"), desk.relay.commands))


def check_cut():
    no_move, neither = EXTENSIONS["no MOVE"], EXTENSIONS["neither"]
    for how, code in (("before", REFUSED), ("after", OK)):
        check_cut_at("all extensions", None, "UID MOVE", how, "move", code)
        check_cut_at("all extensions", None, "UID COPY", how, "copy", code)
        check_cut_at("no MOVE", no_move, "UID COPY", how, "move", code)
        check_cut_at("neither", neither, "UID COPY", how, "move", code)
        check_cut_at("no MOVE", no_move, "UID STORE", how, "move", OK)
        check_cut_at("no MOVE", no_move, "UID EXPUNGE", how, "move", OK)


def check_cut_for_good():
    for name, capability, command in (("all extensions", None, "UID MOVE"), ("no MOVE", EXTENSIONS["no MOVE"], "UID COPY")):
        with Desk(MAIL, capability, lambda words: "after" if words[:2] == command.split(" ") else None, True) as desk:
            done = desk.drive("move", "INBOX", "3", "Archive")
            all_there = set(counted(desk, "INBOX", "Archive")) == set(ids(*range(1, 13)))
            test(f"{name}: cut, and no way back: it is said that it is not known", done.returncode == NET and
                 b"is not known" in done.stderr and not pairs(done) and all_there, done)
    with Desk(MAIL, EXTENSIONS["no MOVE"], lambda words: "before" if words[:2] == ["UID", "STORE"] else None, True) as desk:
        done = desk.drive("move", "INBOX", "3", "Archive")
        test("no MOVE: copied and not removed: it is said that they are in both", done.returncode == NET and
             b"they are in both" in done.stderr and len(desk.folder("INBOX")) == 12 and
             len(desk.folder("Archive")) == 3, done)


# --- refusals ------------------------------------------------------------------------------------


def check_refusals():
    big = [letter(i) + b"x" * 70 * 1024 for i in range(1, 4)]
    with Desk({"INBOX": big}, quota=300) as desk:
        done = desk.drive("copy", "INBOX", "0", "Archive")
        test("a full mailbox has words of its own", done.returncode == REFUSED and b"is full" in done.stderr and
             not desk.folder("Archive"), done)
        done = desk.drive("move", "INBOX", "1", "INBOX")
        test("to where they are: refused", done.returncode == REFUSED and b"in which they are" in done.stderr, done)
        done = desk.drive("move", "INBOX", "1", "Nowhere")
        test("to a folder that is not there: said, nothing made", done.returncode == STALE and
             b"Nowhere" in done.stderr and not desk.relay.asked("CREATE"), done)


# --- folders -------------------------------------------------------------------------------------


def listed(desk):
    return [line.decode().split('" ', 1)[1].strip('"') for line in desk.other.list()[1] if line]


def subscribed(desk):
    return [line.decode().split('" ', 1)[1].strip('"') for line in desk.other.lsub()[1] if line]


def check_folders(separator, prefix):
    config = f"namespace inbox {{\n  separator = {separator}\n  prefix = {prefix}\n}}\n"
    name = f"separator {separator}{' below Inbox' if prefix else ''}"
    with Desk({"INBOX": [letter(1), letter(2)]}, config=config) as desk:
        first, second = f"{prefix}A&APE-o &- m&AOE-s{separator}uno", f"{prefix}Viejo{separator}dos"
        done = desk.drive("create", "Año & más/uno")
        test(f"{name}: made with accents, and subscribed to", done.returncode == OK and first in listed(desk) and
             first in subscribed(desk), (done, listed(desk), subscribed(desk)))
        done = desk.drive("create", "Año & más/uno")
        test(f"{name}: not twice", done.returncode == REFUSED and b"already" in done.stderr, done)
        done = desk.drive("move", "INBOX", "1", first)
        test(f"{name}: filed into it", done.returncode == OK and list(desk.folder(first).values()) == ids(1), done)
        done = desk.drive("rename", first, "Viejo/dos")
        test(f"{name}: renamed with what is in it", done.returncode == OK and
             list(desk.folder(second).values()) == ids(1) and first not in listed(desk) and
             second in subscribed(desk) and first not in subscribed(desk), (done, listed(desk), subscribed(desk)))
        done = desk.drive("undo", second, "1", "INBOX")
        test(f"{name}: and used under its new name", done.returncode == OK and
             list(desk.folder(second).values()) == ids(1), done)
        done = desk.drive("delete", f"{prefix}Viejo")
        test(f"{name}: one with folders below it stays", done.returncode in (REFUSED, STALE) and second in listed(desk), done)
        done = desk.drive("delete", second)
        test(f"{name}: deleted", done.returncode == OK and second not in listed(desk) and
             second not in subscribed(desk), (done, listed(desk)))
        for verb in (("rename", "INBOX", "Other"), ("delete", "INBOX")):
            done = desk.drive(*verb)
            test(f"{name}: Inbox stays: {verb[0]}", done.returncode == REFUSED and
                 not desk.relay.asked('RENAME "INBOX" ', 'DELETE "INBOX"'), done)
        titles = ["\u65e5\u672c/\U0001f4ec", 'quo"te', "back\\slash", "100% & {3}"]
        made = [desk.drive("create", title).returncode for title in titles]
        shown = desk.home.run("list").stdout.decode()
        test(f"{name}: odd names are made and shown as typed", made == [OK] * len(titles) and
             all(title in shown for title in titles), (made, shown))
        for title in ("", "a//b", "a\nb", " x", *(["a.b"] if separator == "." else [])):
            done = desk.drive("create", title)
            test(f"{name}: no folder is called {title!r}", done.returncode == REFUSED, done)


def check_role():
    """An account without a Trash: one is made for what goes there."""
    config = "namespace inbox {\n  mailbox Trash {\n    auto = no\n    special_use =\n  }\n}\n"
    with Desk(MAIL, config=config) as desk:
        test("there is no Trash", "Trash" not in listed(desk), listed(desk))
        done = desk.drive("undo", "INBOX", "2", "Trash")
        test("what goes to a Trash that is missing makes it", done.returncode == OK and "Trash" in listed(desk) and
             "Trash" in subscribed(desk) and len(desk.folder("INBOX")) == 12, (done, desk.relay.commands))
        done = desk.drive("move", "INBOX", "2", "Trash")
        test("and the next finds it", done.returncode == OK and len(desk.folder("Trash")) == 2 and
             len(desk.relay.asked("CREATE")) == 1, (done, desk.relay.commands))
    with Desk(MAIL, config=config) as desk:
        desk.other.create("Papelera")
        done = desk.drive("move", "INBOX", "2", "Trash")
        again = desk.drive("move", "INBOX", "2", "Papelera")
        test("a folder that is called as a Trash is one", done.returncode == again.returncode == OK and
             "Trash" not in listed(desk) and len(desk.folder("Papelera")) == 4, (done, again, listed(desk)))
    with Desk(MAIL, config=config) as desk:
        desk.home.rc.write_text(desk.home.rc.read_text() + "trash = Tirado/A\u00f1o\n", encoding="utf-8")
        done = desk.drive("move", "INBOX", "2", "Tirado/A\u00f1o")
        test("the Trash that the settings name is made", done.returncode == OK and "Trash" not in listed(desk) and
             len(desk.folder("Tirado/A&APE-o")) == 2, (done, listed(desk)))


def main():
    try:
        Dovecot().start().stop()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    check_filing()
    check_idle()
    check_many()
    check_marks()
    check_meanwhile()
    check_secret()
    check_stale()
    check_cut()
    check_cut_for_good()
    check_refusals()
    for separator, prefix in (("/", ""), (".", ""), (".", "INBOX.")):
        check_folders(separator, prefix)
    check_role()
    tap.done()


if __name__ == "__main__":
    main()
