#!/usr/bin/env python3
"""POP3 at its limits: a million lines, a huge message, a full disk, servers that refuse or end early. Memory
stays what it was, what is whole is kept, and the sentence says what to do."""

import mailbox
import os
import pathlib
import resource
import signal
import sqlite3
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
import fake  # noqa: E402
from fake import SANITIZED, Fake, Home  # noqa: E402
from maildrop import CAPS, Maildrop, letter  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

MILLION = 1000000
fake.LIMIT = 120


def subjects(home):
    path = home.path / ".local/share/buzon/casa/inbox.mbox"
    return [one["Subject"] for one in mailbox.mbox(path)] if path.exists() else []


def memory(home):
    """Resident at most, in MiB, of a fetch."""
    done = home.run("fetch", "Casa", measure=True)
    return done, done.usage.ru_maxrss / 1024


class Endless(Maildrop):
    """A maildrop of a million, of which each line is made when it is asked for."""

    def lines(self, form):
        return ("+OK\r\n" + "".join(form % (i, i) for i in range(1, MILLION + 1)) + ".\r\n").encode()

    def do_uidl(self, words):
        return f"+OK {words[1]} 000000{words[1]}\r\n" if len(words) > 1 else self.uidls

    def do_list(self, words):
        return self.sizes

    def __init__(self, **more):
        super().__init__([], **more)
        self.uidls, self.sizes = self.lines("%d 0000%08x5f3a1b2c\r\n"), self.lines("%d 2%07d\r\n")


def know_all(home):
    """The ledger knows every message of Endless, and one more that is not there."""
    db = sqlite3.connect(home.path / ".local/share/buzon/casa/state.db")
    stored = int(time.time()) - 86400
    db.executemany(f"insert into ledger values(?,0,2000,0,{stored},0,0,null)",
                   [(f"0000{i:08x}5f3a1b2c",) for i in range(1, MILLION + 1)] + [("gone",)])
    db.commit()
    db.close()


def check_million():
    if SANITIZED:
        print("# a million lines: not under a sanitizer, which has memory of its own")
        return
    maildrop = Endless(caps=CAPS, refuse={"RETR": "-ERR later"})
    with Fake(Maildrop([("u1", letter(1))])) as server, Home("pop", server.port) as home:
        _, base = memory(home)
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        def cut(line, words):
            if words[0] == "RETR":
                line.reset()
            return False
        maildrop.answer = cut
        done, most = memory(home)
        test("a million new lines take at most 64 MiB", done.returncode == 75 and most - base <= 64,
             (done, base, most))
        maildrop.answer = None
        know_all(home)
        done, most = memory(home)
        test("a million known lines take at most 64 MiB, and nothing is asked for", done.returncode == 0
             and done.stdout == b"" and most - base <= 64, (done, base, most))
        print(f"# base {base:.0f} MiB, with a million known lines {most:.0f} MiB")
        db = sqlite3.connect(home.path / ".local/share/buzon/casa/state.db")
        rows = db.execute("select uidl from ledger where missing_since > 0").fetchall()
        db.close()
        test("of the ledger only what changed is written", rows == [("gone",)], rows[:5])


HUGE = 96 << 20


def check_huge():
    """A message larger than any memory we want to take: byte for byte, beside small ones."""
    text = letter(2, "")
    block = b"a line of a very long message, From here to there\r\n" * 20000

    def answer(line, words):
        if words[:2] == ["RETR", "2"]:
            line.send(b"+OK\r\n" + text)
            for _ in range(HUGE // len(block)):
                line.send(block)
            line.send(b".\r\n")
            return True
        return False
    maildrop = Maildrop([("u1", letter(1)), ("u2", text), ("u3", letter(3))], answer=answer)
    with Fake(Maildrop([("u1", letter(1))])) as server, Home("pop", server.port) as home:
        _, base = memory(home)
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        done, most = memory(home)
        box = home.path / ".local/share/buzon/casa/inbox.mbox"
        want = 20000 * (HUGE // len(block))
        with open(box, "rb") as f:
            lines = sum(line.startswith(b"a line of") for line in f)
        test("a huge message passes, whole", done.returncode == 0 and lines == want
             and subjects(home) == ["letter 1", "letter 2", "letter 3"], (done, lines, want))
        left = os.listdir(box.parent)
        test("its spool leaves nothing behind", not [one for one in left if one.startswith("spool")], left)
        if not SANITIZED:
            print(f"# base {base:.0f} MiB, with {HUGE >> 20} MiB of message {most:.0f} MiB")
            test("and takes no memory to speak of", most - base <= 20, (base, most))
        again = home.run("fetch", "Casa")
        test("it comes once", again.returncode == 0 and again.stdout == b"", again)


def full_at(size):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


def check_full():
    """No room for the large one, in the spool or in the mbox: the small ones before it are safe."""
    for name, size in (("the spool", 3 << 20), ("the mbox", 5 << 20)):
        text = letter(3, "x" * 70 + "\n" + ("y" * 76 + "\n") * 55000)
        maildrop = Maildrop([("u1", letter(1)), ("u2", letter(2)), ("u3", text), ("u4", letter(4, "z" * 2000000))])
        with Fake(maildrop) as server, Home("pop", server.port) as home:
            done = home.run("fetch", "Casa", preexec_fn=full_at(size))
            first = subjects(home)
            again = home.run("fetch", "Casa")
            test(f"no room in {name}: what was whole is safe, the rest comes when there is room",
                 done.returncode == 74 and again.returncode == 0
                 and first == [f"letter {i}" for i in range(1, len(first) + 1)] and len(first) < 4
                 and subjects(home) == [f"letter {i}" for i in (1, 2, 3, 4)], (done, first, again, subjects(home)))
            test(f"no room in {name}: the sentence counts what is safe",
                 f"{len(first)} of 4 messages are safe".encode() in done.stderr, done.stderr)


def check_codes():
    """RFC 2449 section 8 and RFC 3206: what is no matter of the password does not ask for another."""
    for words, code, said in (
            ("-ERR [IN-USE] Do you have another POP session running?", 75, b"Another program is reading"),
            ("-ERR maildrop already locked", 75, b"Another program is reading"),
            ("-ERR [LOGIN-DELAY] minimum time between mail checks", 75, b"pause between two logins"),
            ("-ERR [SYS/TEMP] out of order", 75, b"password is not the reason"),
            ("-ERR [SYS/PERM] no such spool", 76, b"waiting will not help"),
            ("-ERR [AUTH] bad password", 77, b"did not accept"),
            ("-ERR no", 77, b"did not accept")):
        maildrop = Maildrop([("u1", letter(1))], refuse={"PASS": words})
        with Fake(maildrop) as server, Home("pop", server.port) as home:
            done = home.run("fetch", "Casa")
            test(f"PASS: {words}", done.returncode == code and said in done.stderr
                 and words[5:].encode() in done.stderr, done)
    maildrop = Maildrop([("u1", letter(1))], caps=CAPS + ("AUTH-RESP-CODE",), refuse={"PASS": "-ERR busy"})
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        done = home.run("fetch", "Casa")
        test("AUTH-RESP-CODE: a refusal that does not say [AUTH] is not about the password",
             done.returncode == 75 and b"password is not the reason" in done.stderr, done)

    def greet(line):
        line.send("-ERR [SYS/TEMP] come back \x1b[2Jlater\r\n")
    with Fake(greet) as server, Home("pop", server.port) as home:
        done = home.run("fetch", "Casa")
        test("a greeting that refuses: the same words, cleaned", done.returncode == 75
             and b"try again" in done.stderr and b"\x1b" not in done.stderr, done)


def check_short_sessions():
    """A server that ends every session after 50 messages: each run keeps what it got and goes on there."""
    maildrop = Maildrop([(f"u{i}", letter(i)) for i in range(1, 121)])

    def answer(line, words):
        if words[0] == "RETR":
            maildrop.given += 1
            if maildrop.given > 50:
                raise EOFError
        return False
    maildrop.answer = answer
    with Fake(maildrop) as server, Home("pop", server.port) as home:
        runs = []
        for _ in range(3):
            maildrop.given = 0
            runs.append((home.run("fetch", "Casa").returncode, len(subjects(home))))
        test("a server that limits its sessions: every run goes on where the last one ended",
             runs == [(75, 50), (75, 100), (0, 120)]
             and subjects(home) == [f"letter {i}" for i in range(1, 121)], runs)


def check_batches():
    """leave-on-server = none: after 2,000 messages a QUIT makes it final, then it goes on."""
    maildrop = Maildrop([(f"u{i}", letter(i, "x\n")) for i in range(1, 4501)])
    with Fake(maildrop) as server, Home("pop", server.port, more="leave-on-server = none\n") as home:
        done = home.run("fetch", "Casa")
        test("what goes from the server goes in batches, in one run", done.returncode == 0
             and len(subjects(home)) == 4500 and maildrop.mail == [] and maildrop.sessions >= 2
             and maildrop.count("QUIT") == maildrop.sessions, (done, len(maildrop.mail), maildrop.sessions))


def main():
    check_codes()
    check_short_sessions()
    check_batches()
    check_full()
    check_huge()
    check_million()
    tap.done()


if __name__ == "__main__":
    main()
