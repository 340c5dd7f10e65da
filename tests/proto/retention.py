#!/usr/bin/env python3
"""What goes from a POP3 server, and when: each policy against a real Dovecot with another device on the
same mailbox, servers that take nothing away, two buzons of different minds, clocks that jump."""

import imaplib
import json
import mailbox
import os
import pathlib
import shutil
import sqlite3
import ssl
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
import dovecot  # noqa: E402
from dovecot import Dovecot, Missing  # noqa: E402
from fake import HEADER, SANITIZED, Fake, Home, pop  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

DAY = 86400
# else Dovecot itself marks as seen what RETR gave


def letter(i):
    return (b"From: Eva <eva%d@example.org>\nTo: ana@example.org\nSubject: letter %d\n"
            b"Date: Mon, 2 Nov 2020 10:%02d:00 +0100\nMessage-ID: <l%d@example.org>\n\n"
            b"Body of letter %d.\nFrom the start of a line\n" % (i, i, i % 60, i, i))


def home_of(server, policy, more=""):
    text = f"leave-on-server = {policy}\n" if policy else ""
    return Home("pop", server.ports["pop3s"], "tls", server.ca_file, "secret", more=text + more)


def set_policy(home, policy):
    lines = [line for line in home.rc.read_text().splitlines() if not line.startswith("leave-on-server")]
    home.rc.write_text("\n".join(lines + [f"leave-on-server = {policy}"]) + "\n")


class Device:
    """Another device: what the server has, seen through IMAP."""

    def __init__(self, server):
        context = ssl.create_default_context(cafile=server.ca_file)
        self.line = imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=context)
        self.line.login("ana", "secret")
        self.line.select("INBOX")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.line.logout()

    def state(self):
        """{letter's number: flags but \\Recent}, of what is there now."""
        self.line.noop()
        _, data = self.line.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        found = {}
        for item in data:
            if isinstance(item, tuple):
                flags = {f.decode() for f in imaplib.ParseFlags(item[0])} - {"\\Recent"}
                found[int(item[1].split(b"letter ")[1])] = flags
        return found

    def there(self):
        return sorted(self.state())

    def flag(self, number, flag):
        self.line.store(str(self.there().index(number) + 1), "+FLAGS", flag)

    def remove(self, number):
        self.flag(number, "\\Deleted")
        self.line.expunge()

    def append(self, number):
        self.line.append("INBOX", None, None, letter(number).replace(b"\n", b"\r\n"))


def state_db(home):
    return sqlite3.connect(home.path / ".local/share/buzon/casa/state.db", isolation_level=None)


def change(home, sql, *args):
    with state_db(home) as db:
        db.execute(sql, args)
    db.close()


def rows(home):
    """{letter's number: (state, missing?, due?)}"""
    db = state_db(home)
    found = db.execute("SELECT size, state, missing_since, due_since, local_uid FROM ledger ORDER BY local_uid"
                       ).fetchall()
    db.close()
    return {row[4]: (row[1], row[2] != 0, row[3] != 0) for row in found}


def older(home, days):
    """As if so many days had gone by: everything was stored and found due that much earlier, and the
    clocks of the last session were that far back (another boot)."""
    seconds = int(days * DAY)
    change(home, "UPDATE ledger SET first_seen = first_seen - ?1,"
           " due_since = CASE due_since WHEN 0 THEN 0 ELSE due_since - ?1 END", seconds)
    db = state_db(home)
    real, _, _ = db.execute("SELECT value FROM meta WHERE key='clock'").fetchone()[0].split(" ")
    db.execute("UPDATE meta SET value=? WHERE key='clock'", (f"{int(real) - seconds} 1 before",))
    db.close()


def stored(home):
    path = home.path / ".local/share/buzon/casa/inbox.mbox"
    return sorted(int(m["Subject"].split(" ")[1]) for m in mailbox.mbox(path)) if path.exists() else []


def discard(home, number):
    """Deleted here for ever: as the local mail notes it."""
    change(home, "UPDATE ledger SET state=1 WHERE local_uid=?", number)


def commands(server):
    said = b"".join(p.read_bytes() for p in sorted(pathlib.Path(server.rawlog).glob("*.in")))
    return [line.split(" ", 1)[-1].upper() for line in said.decode(errors="replace").splitlines()]


def mail(n):
    return {"ana": {"INBOX": [letter(i) for i in range(1, n + 1)]}}


ALL = [1, 2, 3, 4, 5]


# --- each policy against Dovecot -----------------------------------------------------------------


def check_forever():
    with Dovecot(mail=mail(5), rawlog=True) as server, home_of(server, None) as home, Device(server) as device:
        home.run("fetch")
        discard(home, 1)
        older(home, 4000)
        done = [home.run("fetch") for _ in range(3)]
        test("forever: nothing goes, whatever was deleted here", device.there() == ALL
             and all(d.returncode == 0 and d.stdout == b"" for d in done), done)
        test("and no DELE was ever said", not any(w.startswith("DELE") for w in commands(server)))


def check_none():
    with Dovecot(mail=mail(5)) as server, home_of(server, "none") as home, Device(server) as device:
        done = home.run("fetch")
        test("none: everything is here and gone there after one session", done.returncode == 0
             and stored(home) == ALL and device.there() == [] and done.stderr == b"", done)
        device.append(6)
        again = home.run("fetch")
        test("the next one brings what is new, once, and takes it away", again.returncode == 0
             and stored(home) == ALL + [6] and device.there() == [], again)
        home.run("fetch")
        test("what we removed counts as gone once it is missing", rows(home)
             == {i: (2, True, False) for i in ALL + [6]}, rows(home))


def check_until_deleted():
    with Dovecot(mail=mail(5)) as server, home_of(server, "until-deleted") as home, Device(server) as device:
        home.run("fetch")
        older(home, 4000)
        home.run("fetch")
        test("until-deleted: all stay as long as they are here", device.there() == ALL)
        discard(home, 2)
        discard(home, 4)
        done = home.run("fetch")
        test("what was deleted here for ever goes, the others stay", device.there() == [1, 3, 5], done)
        done = home.run("fetch")
        test("and never comes back", stored(home) == ALL and done.stdout == b"", done)


def check_days():
    with Dovecot(mail=mail(3)) as server, home_of(server, "30d") as home, Device(server) as device:
        home.run("fetch")
        older(home, 20)
        device.append(4)
        home.run("fetch")
        test("30d: nothing goes before its time", device.there() == [1, 2, 3, 4])
        older(home, 10)
        home.run("fetch")
        test("the first session that finds the time over removes nothing", device.there() == [1, 2, 3, 4])
        home.run("fetch")
        test("nor does one a moment later", device.there() == [1, 2, 3, 4])
        older(home, 0.1)
        done = home.run("fetch")
        test("one two hours later does; what came later stays", device.there() == [4]
             and done.returncode == 0, done)
        older(home, 20.5)
        home.run("fetch")
        older(home, 0.1)
        home.run("fetch")
        test("until it is its turn", device.there() == [] and stored(home) == [1, 2, 3, 4])


def check_device():
    with Dovecot(mail=mail(6)) as server, home_of(server, "until-deleted") as home, Device(server) as device:
        device.flag(1, "\\Flagged")
        device.flag(2, "\\Seen")
        device.flag(5, "\\Answered")
        before = device.state()
        home.run("fetch")
        test("another device's flags are untouched by a download", device.state() == before,
             (before, device.state()))
        device.remove(3)
        home.run("fetch")
        test("what another device removed stays here, and is missing there and no more",
             stored(home) == [1, 2, 3, 4, 5, 6] and rows(home)[3] == (0, True, False), rows(home))
        device.append(7)
        discard(home, 6)
        home.run("fetch")
        left = device.state()
        test("a removal takes its message alone; flags stay as they were", left
             == {1: {"\\Flagged"}, 2: {"\\Seen"}, 4: set(), 5: {"\\Answered"}, 7: set()}, left)


def check_agreement():
    with Dovecot(mail=mail(3)) as server, home_of(server, "forever") as home, Device(server) as device:
        home.run("fetch")
        change(home, "DELETE FROM meta WHERE key='removals-agreed'")
        set_policy(home, "none")
        done = home.run("list", "Casa")
        test("before anybody agreed nothing goes, whatever buzonrc says", device.there() == [1, 2, 3]
             and stored(home) == [1, 2, 3] and done.returncode == 0, done)
        change(home, "INSERT OR REPLACE INTO meta VALUES('removals-agreed', 'no none')")
        done = home.run("fetch")
        listed = home.run("list", "--server", "Casa")
        test("after a no it stays so, for what runs by itself, too", device.there() == [1, 2, 3]
             and b"stays" in listed.stdout and b"goes" not in listed.stdout, (done, listed))
        set_policy(home, "until-deleted")
        discard(home, 1)
        home.run("list", "Casa")
        test("another policy is another question", device.there() == [1, 2, 3])
        home.run("fetch")
        test("which buzonrc answers where nobody can be asked", device.there() == [2, 3])
        set_policy(home, "none")
        home.run("list", "Casa")
        test("a yes stands", device.there() == [])


def check_copy_that_does_not_read_back():
    with Dovecot(mail=mail(5)) as server, home_of(server, "forever") as home, Device(server) as device:
        home.run("fetch")
        box = home.path / ".local/share/buzon/casa/inbox.mbox"
        text = box.read_bytes()
        box.write_bytes(text.replace(b"Body of letter 2.", b"Body of letter 9."))
        set_policy(home, "none")
        done = home.run("fetch")
        test("a copy that does not read back stays on the server", device.there() == [2]
             and done.returncode == 0, (done, device.there()))
        home.run("fetch")
        done = home.run("list", "--server", "Casa")
        test("and goes on staying, for it is the only one", device.there() == [2]
             and b"stays" in done.stdout and len(done.stdout.splitlines()) == 2, (done, device.there()))
        box.write_bytes(text)
        home.run("fetch")
        test("until the message is back", device.there() == [], device.there())


def check_two():
    """Two computers, one account."""
    with Dovecot(mail=mail(5)) as server, home_of(server, "forever") as one, home_of(server, "none") as other, \
            Device(server) as device:
        one.run("fetch")
        other.run("fetch")
        test("of two computers each has all that was there when it looked", stored(one) == stored(other) == ALL
             and device.there() == [])
        device.append(6)
        other.run("fetch")
        done = one.run("fetch")
        test("and loses nothing by what the other one does", stored(one) == ALL and stored(other) == ALL + [6]
             and done.returncode == 0 and done.stderr == b"", done)
        device.append(7)
        one.run("fetch")
        other.run("fetch")
        one.run("fetch")
        test("nor gets anything twice", stored(one) == ALL + [7] and stored(other) == ALL + [6, 7])


def check_many():
    """More than one flight of deletions."""
    with Dovecot(mail=mail(450)) as server, home_of(server, "none") as home, Device(server) as device:
        done = home.run("fetch")
        test("450 come and go in one run", done.returncode == 0 and len(stored(home)) == 450
             and device.there() == [], done)


# --- telling it ------------------------------------------------------------------------------------


def check_telling():
    with Dovecot(mail=mail(3)) as server, home_of(server, "30d") as home:
        empty = home.run("list", "--server", "Casa")
        test("before the first look nothing is known", empty.stdout == b"0 bytes of mail on the server.\n", empty)
        home.run("fetch")
        shutil.copy(home.rc, home.path / "rc")
        home.rc.write_text(home.rc.read_text().replace("localhost", "nowhere.invalid"))
        done = home.run("list", "--server", "Casa")
        text = done.stdout.decode()
        until = time.gmtime(time.time() + 30 * DAY)
        day = f"{until.tm_mday} {time.strftime('%b', until)}"
        test("list --server needs no line: size, age, fate, from, subject; and the sum", done.returncode == 0
             and len(text.splitlines()) == 4 and f"until {day}" in text and "today" in text
             and "Eva" in text and "letter 3" in text.splitlines()[0]
             and text.splitlines()[-1].endswith(f" goes by {day}."), text)
        done = home.run("list", "--server", "Casa", "--lang", "es")
        test("in Spanish, too", "en el servidor" in done.stdout.decode(), done)
        done = home.run("list", "--server", "Casa", "--json")
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        test("list --server --json", [o["subject"] for o in objects] == ["letter 3", "letter 2", "letter 1"]
             and all(o["fate"] == "goes" and o["until"][:10] == time.strftime("%Y-%m-%d", until)
                     and o["size"] > 100 for o in objects), objects)
        done = home.run("list", "--server")
        test("without an account it is asked for", done.returncode == 64, done)
        done = home.run("list", "--server", "Casa", "--limit", "1")
        test("--limit: the newest", len(done.stdout.splitlines()) == 2, done)


def check_dry_run():
    with Dovecot(mail=mail(3)) as server, home_of(server, "forever") as home, Device(server) as device:
        home.run("fetch")
        device.append(4)
        set_policy(home, "none")
        done = home.run("fetch", "--dry-run")
        test("a dry run says what would come and go", b"1 would come" in done.stdout
             and b"3 would go" in done.stdout and done.returncode == 0, done)
        test("and does neither", device.there() == [1, 2, 3, 4] and stored(home) == [1, 2, 3])
        home.run("fetch")
        test("the run after it does both", device.there() == [] and stored(home) == [1, 2, 3, 4])


# --- servers that take nothing away (SECURITY C38) ---------------------------------------------------


class Maildrop:
    """A POP3 server with n messages. What it should do wrong: quit (an answer, or None for none), dele."""

    def __init__(self, n, pipelining=False):
        self.messages = {f"uid{i}": i for i in range(1, n + 1)}
        self.quit, self.dele, self.forgets = "+OK\r\n", "+OK\r\n", False
        self.pipelining, self.twice, self.renumber = pipelining, None, False

    def script(self, line):
        listed = list(self.messages.items())
        if self.twice:
            listed.append((self.twice, 99))
        marked = []

        def answer(line, words):
            command = words[0].upper()
            if command == "CAPA" and self.pipelining:
                line.send("+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n")
            elif command == "STAT":
                line.send(f"+OK {len(listed)} {200 * len(listed)}\r\n")
            elif command == "UIDL" and len(words) > 1:
                number = int(words[1]) - (1 if self.renumber else 0)
                line.send(f"+OK {words[1]} {listed[number - 1][0]}\r\n")
            elif command == "UIDL":
                line.send("+OK\r\n" + "".join(f"{i} {u}\r\n" for i, (u, _) in enumerate(listed, 1)) + ".\r\n")
            elif command == "LIST":
                line.send("+OK\r\n" + "".join(f"{i} 200\r\n" for i in range(1, len(listed) + 1)) + ".\r\n")
            elif command in ("RETR", "TOP"):
                line.send("+OK\r\n" + HEADER % listed[int(words[1]) - 1][1] + "hello\r\n.\r\n")
            elif command == "DELE":
                if self.dele.startswith("+OK"):
                    marked.append(listed[int(words[1]) - 1][0])
                line.send(self.dele)
            elif command == "QUIT":
                if not self.forgets:
                    for uidl in marked:
                        self.messages.pop(uidl, None)
                if self.quit is None:
                    raise EOFError
                line.send(self.quit)
                raise EOFError
            else:
                return False
            return True

        pop(answer=answer)(line)


def check_refusals():
    for name, wrong in (("QUIT is answered -ERR, and nothing went", {"quit": "-ERR some not removed\r\n",
                                                                     "forgets": True}),
                        ("the answer to QUIT is lost, and nothing went", {"quit": None, "forgets": True}),
                        ("DELE is answered -ERR", {"dele": "-ERR locked\r\n"})):
        for pipelining in (False, True):
            drop = Maildrop(3, pipelining)
            for key, value in wrong.items():
                setattr(drop, key, value)
            with Fake(drop.script) as server, Home("pop", server.port, more="leave-on-server = none\n") as home:
                done = home.run("fetch")
                kept, first = dict(drop.messages), stored(home)
                state = rows(home)
                drop.quit, drop.dele, drop.forgets = "+OK\r\n", "+OK\r\n", False
                retr = server.got.count(b"RETR")
                again = home.run("fetch")
                third = home.run("fetch")
                test(f"{name}: it is said, rows stay, the next session asks again, nothing comes twice "
                     f"({'pipelined' if pipelining else 'one by one'})",
                     len(kept) == 3 and first == stored(home) == [1, 2, 3] and done.returncode == 0
                     and b"did not remove 3 messages" in done.stderr
                     and all(row[:2] == (0, False) for row in state.values())
                     and drop.messages == {} and server.got.count(b"RETR") == retr
                     and again.returncode == third.returncode == 0 and third.stdout == third.stderr == b"",
                     (done, again, third, state, kept))
    drop = Maildrop(3)
    drop.quit = None
    with Fake(drop.script) as server, Home("pop", server.port, more="leave-on-server = none\n") as home:
        home.run("fetch")
        drop.quit = "+OK\r\n"
        again = home.run("fetch")
        test("the answer to QUIT is lost, and all went: nothing is lost here", stored(home) == [1, 2, 3]
             and again.returncode == 0 and again.stderr == b"" and all(r[0] == 2 for r in rows(home).values()),
             (again, rows(home)))


def check_strange():
    drop = Maildrop(3)
    with Fake(drop.script) as server, Home("pop", server.port, more="leave-on-server = forever\n") as home:
        home.run("fetch")
        set_policy(home, "none")
        drop.twice = "uid2"
        home.run("fetch")
        test("an id that is listed twice is never deleted", list(drop.messages) == ["uid2"]
             and server.got.count(b"DELE") == 2, (drop.messages, server.got))
    drop = Maildrop(3)
    drop.renumber = True
    with Fake(drop.script) as server, Home("pop", server.port, more="leave-on-server = none\n") as home:
        done = home.run("fetch")
        test("a number that means another message by now is not deleted", len(drop.messages) == 3
             and b"DELE" not in server.got and b"did not remove 3" in done.stderr, (done, server.got))


# --- clocks (SECURITY C44) ---------------------------------------------------------------------------


def libfaketime():
    paths = [os.environ.get("LIBFAKETIME", "")]
    for folder in ("lib", "lib64", *(f"lib/{p.name}" for p in pathlib.Path("/usr/lib").glob("*-linux-gnu"))):
        paths.append(f"/usr/{folder}/faketime/libfaketime.so.1")
    return next((path for path in paths if path and os.path.exists(path)), None)


def clock(home):
    """What the last session's was."""
    with state_db(home) as db:
        value = db.execute("SELECT value FROM meta WHERE key='clock'").fetchone()[0]
    db.close()
    return int(value.split(" ")[0])


def check_clock():
    library = libfaketime()
    if library is None or SANITIZED:
        why = "libfaketime is not installed" if library is None else "a sanitizer must come first in memory"
        test(f"clocks that jump # SKIP {why}", True)
        return

    def fetch(offset):
        return home.run("fetch", extra={"LD_PRELOAD": library, "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1",
                                        "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    # no certificate is valid in all those years
    with Dovecot(mail=mail(3)) as server, \
            Home("pop", server.ports["pop3"], "none", None, "secret", more="leave-on-server = 30d\n") as home, \
            Device(server) as device:
        done = [fetch("+0")]
        test("a clock that is moved is what buzon sees", -60 < clock(home) - time.time() < 60
             and fetch("+40d").returncode == 0 and 39 * DAY < clock(home) - time.time() < 41 * DAY, done)
        for offset in ("+41d", "-1y", "+0", "+12y", "+13y", "-56y", "+0", "+40d", "+7900y"):
            done.append(fetch(offset))
        test("clocks that jump: nothing goes and nothing hangs", device.there() == [1, 2, 3]
             and all(d.returncode == 0 for d in done) and stored(home) == [1, 2, 3], done)


def main():
    try:
        dovecot.require()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    for check in (check_forever, check_none, check_until_deleted, check_days, check_device, check_agreement,
                  check_copy_that_does_not_read_back, check_two, check_many, check_telling, check_dry_run,
                  check_refusals, check_strange, check_clock):
        check()
    tap.done()


if __name__ == "__main__":
    main()
