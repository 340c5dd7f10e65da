#!/usr/bin/env python3
"""A POP3 session: how many turns it takes, what it costs, and that each message comes once whatever the
server calls it."""

import mailbox
import pathlib
import sqlite3
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from fake import Fake, Home  # noqa: E402
from maildrop import CAPS, Maildrop, letter  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

NO_PIPELINING = tuple(one for one in CAPS if one != "PIPELINING")
NO_TOP = tuple(one for one in CAPS if one != "TOP")
REMOVE = "leave-on-server = none\n"


def inbox(home):
    path = home.path / ".local/share/buzon/casa/inbox.mbox"
    return list(mailbox.mbox(path)) if path.exists() else []


def subjects(home):
    return [one["Subject"] for one in inbox(home)]


def letters(*numbers):
    return [f"letter {i}" for i in numbers]


def drop(*numbers, **more):
    return Maildrop([(f"u{i}", letter(i)) for i in numbers], **more)


def state(home, query, *values):
    db = sqlite3.connect(home.path / ".local/share/buzon/casa/state.db")
    try:
        rows = db.execute(query, values).fetchall()
        db.commit()
        return rows
    finally:
        db.close()


def check_turns():
    for name, caps, most in (("PIPELINING", CAPS, 2), ("nothing", NO_PIPELINING, 3), ("no CAPA", None, 3)):
        maildrop = drop(1, 2, 3, caps=caps)
        with Fake(maildrop) as server, Home("pop", server.port) as home:
            first = home.run("fetch", "Casa")
            maildrop.forget()
            again = home.run("fetch", "Casa")
            turns = maildrop.turns_after_login()
            test(f"{name}: nothing new takes {most} turns after the login, and asks for no message",
                 first.returncode == again.returncode == 0 and subjects(home) == letters(1, 2, 3)
                 and again.stdout == b"" and len(turns) <= most and maildrop.count("RETR") == 0,
                 (first, again, turns))
            test(f"{name}: the login takes {'one turn' if most == 2 else 'its turns'}",
                 len(maildrop.turns[-1]) - len(turns) == (1 if most == 2 else 3), maildrop.turns)


def check_caps_change():
    """A server that took all at once and does no longer: the next try goes step by step."""
    maildrop = drop(1)
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        home.run("fetch", "Casa")

        def strict(line, words):
            if words[0] == "CAPA" and b"USER" in line.pending:
                line.reset()
            return False
        maildrop.answer, maildrop.caps = strict, NO_PIPELINING
        maildrop.mail.append(("u2", letter(2)))
        first, second = home.run("fetch", "Casa"), home.run("fetch", "Casa")
        test("capabilities that are remembered and no longer true cost one try", first.returncode == 75
             and second.returncode == 0 and subjects(home) == letters(1, 2), (first, second))


def check_ahead():
    maildrop = Maildrop([(f"u{i}", letter(i)) for i in range(1, 2001)])
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        done = home.run("fetch", "Casa")
        test("2,000 messages come in fewer than 20 turns", done.returncode == 0
             and len(inbox(home)) == 2000 and len(maildrop.turns[-1]) < 20, (done, len(maildrop.turns[-1])))


# --- other UIDLs -----------------------------------------------------------------------------------


def rename(maildrop):
    maildrop.mail = [("new-" + uidl, text) for uidl, text in maildrop.mail]
    maildrop.forget()


def check_renamed():
    for name, caps, retrs in (("TOP", CAPS, 1), ("no TOP", NO_TOP, 4), ("one at a time", NO_PIPELINING, 1)):
        maildrop = drop(1, 2, 3, caps=caps)
        with Fake(maildrop) as server, Home("pop", server.port) as home:
            home.run("fetch", "Casa")
            rename(maildrop)
            maildrop.mail.append(("new-u4", letter(4)))
            done, asked = home.run("fetch", "Casa"), maildrop.count("RETR")
            again = home.run("fetch", "Casa")
            test(f"all UIDLs changed, {name}: nothing comes twice, what is new comes",
                 done.returncode == again.returncode == 0 and again.stdout == b""
                 and subjects(home) == letters(1, 2, 3, 4) and asked == retrs
                 and maildrop.count("RETR") == asked, (done, again, subjects(home), maildrop.said))
            rows = state(home, "select uidl, missing_since from ledger order by uidl")
            test(f"all UIDLs changed, {name}: the ledger has the new ones",
                 rows == [(f"new-u{i}", 0) for i in (1, 2, 3, 4)], rows)


def check_ambiguous():
    """Headers alike, bodies not: TOP is not believed, the bytes decide."""
    twins = [("a", letter(1, "one\n")), ("b", letter(1, "two\n"))]
    maildrop = Maildrop(twins)
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        home.run("fetch", "Casa")
        rename(maildrop)
        maildrop.mail.append(("new-c", letter(1, "three\n")))
        done = home.run("fetch", "Casa")
        bodies = [one.get_payload() for one in inbox(home)]
        test("of messages with one header each comes, and none twice", done.returncode == 0
             and bodies == ["one\n", "two\n", "three\n"] and maildrop.count("RETR") == 3, (done, bodies))
    maildrop = Maildrop([("a", letter(1, "one\n"))])
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        home.run("fetch", "Casa")
        maildrop.mail = [("x", letter(1, "two\n")), ("y", letter(1, "one\n"))]
        home.run("fetch", "Casa")
        bodies = [one.get_payload() for one in inbox(home)]
        test("two that look like one of ours: both are looked at", bodies == ["one\n", "two\n"], bodies)


def check_equal():
    same = letter(1)
    maildrop = Maildrop([("a", same), ("b", same)])
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        home.run("fetch", "Casa")
        first = subjects(home)
        rename(maildrop)
        home.run("fetch", "Casa")
        test("two equal messages stay two, also under new UIDLs", first == subjects(home) == letters(1, 1),
             (first, subjects(home)))


def check_top_lies():
    """TOP that shows the header of another message binds nothing for good that is not ours."""
    maildrop = drop(1, 2)
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        home.run("fetch", "Casa")
        maildrop.mail = [("x", letter(3)), ("y", letter(4))]
        maildrop.do_top = lambda words: maildrop.stuffed(b"Subject: nonsense\r\n\r\n")
        done = home.run("fetch", "Casa")
        test("headers that TOP makes up hide no message", done.returncode == 0
             and subjects(home) == letters(1, 2, 3, 4), (done, subjects(home)))


def check_quiet():
    """RETR marks a message read for the person's other devices; TOP of all lines does not."""
    maildrop = drop(1, 2)
    maildrop.tells_apart = True
    whole, short = maildrop.do_retr, maildrop.do_top
    for name, answer, asked in (("whole", whole, 0), ("the header alone", short, 2),
                                ("refused", lambda words: "-ERR no\r\n", 2)):
        maildrop.do_top = answer
        maildrop.forget()
        with Fake(maildrop) as server, Home("pop", server.port) as home:
            done = home.run("fetch", "Casa")
            test(f"TOP of all lines, {name}: RETR {asked} times, each message once and whole",
                 done.returncode == 0 and subjects(home) == letters(1, 2) and maildrop.count("RETR") == asked
                 and all(one.get_payload() for one in inbox(home)), (done, subjects(home), maildrop.said))


def check_ledger_lost():
    """state.db is gone, the mail is not: nothing comes a second time, and equal ones stay two."""
    maildrop = drop(1, 2, 3)
    maildrop.mail.append(("twin", letter(3)))
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        home.run("fetch", "Casa")
        for path in (home.path / ".local/share/buzon/casa").glob("state.db*"):
            path.unlink()
        maildrop.mail.append(("u4", letter(4)))
        done = home.run("fetch", "Casa")
        rows = home.run("list", "Casa").stdout
        test("a lost ledger: what is here is known again, what is new comes", done.returncode == 0
             and subjects(home) == letters(1, 2, 3, 3, 4) and rows.count(b"letter") == 5,
             (done, subjects(home), rows))
        home.run("fetch", "Casa")
        test("and so the next time", subjects(home) == letters(1, 2, 3, 3, 4), subjects(home))


# --- no UIDLs --------------------------------------------------------------------------------------


def check_nameless():
    caps = tuple(one for one in CAPS if one != "UIDL")
    for pipelining in (True, False):
        maildrop = Maildrop([("", letter(1)), ("", letter(2)), ("", letter(2))],
                            caps=caps if pipelining else None, refuse={"UIDL": "-ERR what"})
        with Fake(maildrop) as server, Home("pop", server.port) as home:
            first = home.run("fetch", "Casa")
            maildrop.forget()
            maildrop.mail.insert(0, ("", letter(3)))
            second = home.run("fetch", "Casa")
            third = home.run("fetch", "Casa")
            test(f"no UIDL, TOP{'' if pipelining else ', no CAPA'}: each comes once, equal ones too",
                 first.returncode == second.returncode == third.returncode == 0
                 and subjects(home) == letters(1, 2, 2, 3) and maildrop.count("RETR") == 1,
                 (first, second, third, subjects(home)))


def check_neither():
    for name, caps in (("says CAPA", ("USER", "PIPELINING")), ("no CAPA", None)):
        maildrop = drop(1, 2, caps=caps, refuse={"UIDL": "-ERR what", "TOP": "-ERR what"})
        with Fake(maildrop) as server, Home("pop", server.port) as home:
            done = home.run("fetch", "Casa")
            test(f"neither UIDL nor TOP ({name}): nothing comes, and what to write is said",
                 done.returncode == 64 and maildrop.count("RETR") == 0 and not inbox(home)
                 and b"leave-on-server = none" in done.stderr, done)
        with Fake(maildrop) as server, Home("pop", server.port, more=REMOVE) as home:
            maildrop.mail.append(("u2", letter(2)))
            done = home.run("fetch", "Casa")
            left = len(maildrop.mail)
            again = home.run("fetch", "Casa")
            test(f"neither UIDL nor TOP ({name}), leave-on-server = none: all comes and goes",
                 done.returncode == again.returncode == 0 and again.stdout == b"" and left == 0
                 and subjects(home) == letters(1, 2, 2), (done, again, left, subjects(home)))


def check_neither_quit():
    """The answer to QUIT is lost and nothing went: the next session finds that all is here."""
    maildrop = drop(1, 2, caps=None, refuse={"UIDL": "-ERR what", "TOP": "-ERR what", "QUIT": "-ERR busy"})
    with Fake(maildrop) as server, Home("pop", server.port, more=REMOVE) as home:
        home.run("fetch", "Casa")
        del maildrop.refuse["QUIT"]
        done = home.run("fetch", "Casa")
        test("neither UIDL nor TOP, a refused QUIT: nothing comes twice, and it goes the next time",
             done.returncode == 0 and subjects(home) == letters(1, 2) and maildrop.mail == [],
             (done, subjects(home), maildrop.said))


# --- sizes and order -------------------------------------------------------------------------------


def check_newest():
    maildrop = drop(1, 2, 3, caps=NO_PIPELINING)
    with Fake(maildrop) as server, Home("pop", server.port, more="fetch-order = newest\n") as home:
        done = home.run("fetch", "Casa")
        order = [one for one in maildrop.said if one.startswith("RETR")]
        test("fetch-order = newest: the highest number first", done.returncode == 0
             and order == ["RETR 3", "RETR 2", "RETR 1"] and sorted(subjects(home)) == letters(1, 2, 3), order)


BIG = letter(2, "x" * 5000 + "\n")
SMALL = "max-size = 2k\n"


def listed(home):
    return home.run("list", "Casa").stdout.decode()


def check_left():
    for name, caps, shown in (("TOP", CAPS, "letter 2"), ("no TOP", NO_TOP, "")):
        maildrop = Maildrop([("u1", letter(1)), ("u2", BIG), ("u3", letter(3))], caps=caps)
        with Fake(maildrop) as server, Home("pop", server.port, more=SMALL) as home:
            home.run("fetch", "Casa")
            test(f"max-size, {name}: what is larger stays there", subjects(home) == letters(1, 3)
                 and "RETR 2" not in maildrop.said, maildrop.said)
            lines = listed(home)
            test(f"max-size, {name}: it stands in the list", shown in lines
                 and len(lines.strip().split("\n")) == 3, lines)
            (home.path / ".cache/buzon/casa/cache.db").unlink()
            again = listed(home)
            test(f"max-size, {name}: also with a new cache", sorted(again.split("\n")) == sorted(lines.split("\n")),
                 (lines, again))
            maildrop.forget()
            home.run("fetch", "Casa")
            test(f"max-size, {name}: it is not asked about again",
                 maildrop.count("RETR") == maildrop.count("TOP") == 0, maildrop.said)
            uid = 0x80000000 + state(home, "select n from left_behind")[0][0]
            shown_now = home.run("show", f"Casa:{uid}", "--raw")
            test(f"max-size, {name}: opened, it comes, once", shown_now.returncode == 0
                 and b"x" * 5000 in shown_now.stdout and maildrop.count("RETR") == 1
                 and subjects(home) == letters(1, 3, 2), (shown_now.stderr, subjects(home)))
            lines = listed(home)
            home.run("fetch", "Casa")
            test(f"max-size, {name}: then it is a message like others", len(lines.strip().split("\n")) == 3
                 and "letter 2" in lines and maildrop.count("RETR") == 1
                 and state(home, "select count(*) from left_behind") == [(0,)], lines)


def check_left_changes():
    maildrop = Maildrop([("u1", letter(1)), ("u2", BIG)])
    with Fake(maildrop) as server, Home("pop", server.port, more=SMALL) as home:
        home.run("fetch", "Casa")
        gone = maildrop.mail.pop()
        home.run("fetch", "Casa")
        test("max-size: a row goes with its message", "letter 2" not in listed(home), listed(home))
        maildrop.mail.append(gone)
        home.run("fetch", "Casa")
        test("max-size: and is back with it", "letter 2" in listed(home), listed(home))
        home.rc.write_text(home.rc.read_text().replace(SMALL, ""))
        home.run("fetch", "Casa")
        test("max-size: without the limit it comes", subjects(home) == letters(1, 2)
             and listed(home).count("letter 2") == 1, (subjects(home), listed(home)))


def check_left_vanished():
    maildrop = Maildrop([("u1", letter(1)), ("u2", BIG)])
    with Fake(maildrop) as server, Home("pop", server.port, more=SMALL) as home:
        home.run("fetch", "Casa")
        uid = 0x80000000 + state(home, "select n from left_behind")[0][0]
        maildrop.mail.pop()
        done = home.run("show", f"Casa:{uid}")
        test("max-size: what is gone from the server cannot be opened, and that is said",
             done.returncode == 66 and b"no longer" in done.stderr, done)


def main():
    check_turns()
    check_caps_change()
    check_ahead()
    check_renamed()
    check_ambiguous()
    check_equal()
    check_top_lies()
    check_quiet()
    check_ledger_lost()
    check_nameless()
    check_neither()
    check_neither_quit()
    check_newest()
    check_left()
    check_left_changes()
    check_left_vanished()
    tap.done()


if __name__ == "__main__":
    main()
