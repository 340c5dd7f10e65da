#!/usr/bin/env python3
"""POP3 servers that lie, cut and repeat themselves, and a second buzon beside the first: each message is
in the mbox once, whole and byte for byte, or it is still on the server."""

import mailbox
import pathlib
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from fake import HEADER, PASSWORD, Fake, Home, pop  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

SECRET = PASSWORD.encode()


def stored(home):
    """Messages as another program reads them from the mbox."""
    path = home.path / ".local/share/buzon/casa/inbox.mbox"
    return list(mailbox.mbox(path)) if path.exists() else []


def subjects(home):
    return [m["Subject"] for m in stored(home)]


def once(server, home, want):
    """Fetch twice: all of want is there once, and the second run asks for nothing."""
    first = home.run("fetch", "Casa")
    got, asked = subjects(home), server.got.count(b"RETR")
    second = home.run("fetch", "Casa")
    return first, (got == want and second.stdout == b"" and subjects(home) == want
                   and server.got.count(b"RETR") == asked), (first, second, got)


def uidl(lines, **more):
    def answer(line, words):
        if words[0] == "UIDL":
            line.send(lines if isinstance(lines, bytes) else lines.encode())
        return words[0] == "UIDL"
    return pop(answer=answer, **more)


LETTERS = ["letter 1", "letter 2", "letter 3"]


def check_listing():
    for name, lines, want in (
            ("ids of odd bytes, of 500 bytes, with / and blanks",
             b"+OK\r\n1 a/../b c\r\n2 \xe9\x7f\r\n3 " + b"x" * 500 + b"\r\n.\r\n", LETTERS),
            ("ids that look like digests of ours", "+OK\r\n1 (\r\n2 (a\r\n3 ..\r\n.\r\n", LETTERS),
            ("numbers with gaps, out of order", "+OK\r\n3 c\r\n1 a\r\n.\r\n", ["letter 1", "letter 3"]),
            ("lines that end in LF", "+OK\n1 a\n2 b\n3 c\n.\n", LETTERS)):
        with Fake(uidl(lines)) as server, Home("pop", server.port) as home:
            done, ok, more = once(server, home, want)
            test(f"UIDL with {name}: each once", done.returncode == 0 and ok, more)
    for name, lines, want in (("the same id twice", "+OK\r\n1 a\r\n2 a\r\n3 c\r\n.\r\n", ["letter 1", "letter 3"]),
                              ("an empty id", "+OK\r\n1 a\r\n2\r\n3 \r\n.\r\n", ["letter 1"])):
        with Fake(uidl(lines)) as server, Home("pop", server.port) as home:
            done, ok, more = once(server, home, want)
            test(f"UIDL with {name}: what cannot be told apart stays there, and is spoken of",
                 done.returncode == 0 and ok and b"apart from the others" in done.stderr, more)
    bad = []
    for lines in ("+OK\r\n0 a\r\n.\r\n", "+OK\r\n-1 a\r\n.\r\n", "+OK\r\n4294967296 a\r\n.\r\n",
                  "+OK\r\n1 a\r\n1 b\r\n.\r\n", "+OK\r\nx\r\n.\r\n", "+OK\r\n+1 a\r\n.\r\n", "what\r\n"):
        with Fake(uidl(lines)) as server, Home("pop", server.port) as home:
            done = home.run("fetch", "Casa")
            if done.returncode != 76 or stored(home) or b"RETR" in server.got:
                bad.append((lines, done))
    test("numbers that are none end the session before anything is asked for", not bad, bad)
    with Fake(uidl("-ERR no such thing\r\n")) as server, Home("pop", server.port) as home:
        done = home.run("fetch", "Casa")
        test("no UIDL: nothing is downloaded, and why is said", done.returncode == 64
             and b"UIDL" in done.stderr and b"RETR" not in server.got, done)


def check_sizes():
    bad = []
    for lines in ("-ERR\r\n", "+OK\r\n.\r\n", "+OK\r\n1 0\r\n2 18446744073709551616\r\n3 -5\r\n.\r\n",
                  "+OK\r\n1 99999999999\r\n4000000000 1\r\n0 0\r\nx\r\n.\r\n"):
        def answer(line, words):
            if words[0] == "LIST":
                line.send(lines)
            return words[0] == "LIST"
        with Fake(pop(answer=answer)) as server, Home("pop", server.port) as home:
            done, ok, more = once(server, home, LETTERS)
            if done.returncode != 0 or not ok:
                bad.append((lines, more))
    test("whatever LIST says, the messages come", not bad, bad)


BODIES = {
    "a NUL, bare CR, bare LF": b"Subject: odd\r\n\r\na\0b\rc\nd\r\n",
    "no final line end": b"Subject: odd\r\n\r\nlast",
    "From_ lines, quoted and not": b"Subject: odd\r\n\r\nFrom me\r\n>From you\r\n>>From them\r\n\r\nFrom a@b Mon Nov"
                                   b"  2 10:00:00 2020\r\nSubject: planted\r\n\r\nx\r\n",
    "dots": b"Subject: odd\r\n\r\n.\r\n..\r\n.x\r\n...\r\n",
    "no header": b"\r\njust text\r\n",
    "no blank line": b"Subject: odd\r\n",
    "nothing": b"",
    "8 bits and a long line": b"Subject: \xe9\r\n\r\n" + b"\xff" * 100000 + b"\r\n",
}


def stuffed(body):
    text = b"\r\n".join(b"." + one if one.startswith(b".") else one for one in body.split(b"\r\n"))
    return text if text.endswith(b"\r\n") or not text else text + b"\r\n"


def check_bodies():
    for name, body in BODIES.items():
        def answer(line, words):
            if words[0] == "RETR" and words[1] == "2":
                line.send(b"+OK\r\n" + stuffed(body) + b".\r\n")
                return True
            return False
        with Fake(pop(answer=answer)) as server, Home("pop", server.port) as home:
            done = home.run("fetch", "Casa")
            again = home.run("fetch", "Casa")
            raw = home.run("show", "Casa:2", "--raw").stdout
            # our own slots for marks stand at the end of the header
            kept = b"\n".join(one for one in raw.split(b"\n")
                              if not one.startswith((b"Status: ", b"X-Status: ")))
            want = body.replace(b"\r\n", b"\n")
            test(f"a message with {name} is kept as it is, and is one", done.returncode == 0
                 and again.stdout == b"" and len(stored(home)) == 3
                 and kept.strip(b"\n") == want.strip(b"\n"), (done, raw[:300], len(stored(home))))


def check_refused():
    def answer(line, words):
        if words[0] == "RETR" and words[1] == "2" and refuse:
            line.send("-ERR locked\r\n")
            return True
        return False
    with Fake(pop(answer=answer)) as server, Home("pop", server.port) as home:
        refuse = True
        done = home.run("fetch", "Casa")
        first = subjects(home)
        refuse = False
        home.run("fetch", "Casa")
        test("one that is refused is spoken of and comes the next time", first == ["letter 1", "letter 3"]
             and b"did not give 1 message" in done.stderr
             and subjects(home) == ["letter 1", "letter 3", "letter 2"], (done, first, subjects(home)))


def check_cut():
    """The line ends after every byte of a message, with and without pipelining."""
    whole = b"+OK\r\n" + HEADER.encode() % 2 + b"hello\r\n..\r\n.\r\n"
    for pipelining in (False, True):
        bad = []
        for at in range(0, len(whole), 7 if pipelining else 5):
            def answer(line, words):
                if words[0] == "CAPA" and pipelining:
                    line.send("+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n")
                elif words[0] == "RETR" and words[1] == "2" and cut:
                    line.send(whole[:at])
                    raise EOFError
                else:
                    return False
                return True
            with Fake(pop(answer=answer)) as server, Home("pop", server.port) as home:
                cut = True
                done = home.run("fetch", "Casa")
                first = subjects(home)
                cut = False
                home.run("fetch", "Casa")
                if done.returncode != 75 or first != LETTERS[:1] or subjects(home) != LETTERS:
                    bad.append((at, done, first, subjects(home)))
        test(f"cut inside a message{' (pipelining)' if pipelining else ''}: nothing of it is kept, and the "
             f"next run gets all", not bad, bad)


def check_two_at_once():
    reached, go = threading.Event(), threading.Event()

    def answer(line, words):
        if words[0] == "RETR" and words[1] == "2":
            reached.set()
            go.wait(20)
        return False
    with Fake(pop(answer=answer)) as server, Home("pop", server.port) as home:
        first = []
        thread = threading.Thread(target=lambda: first.append(home.run("fetch", "Casa")))
        thread.start()
        reached.wait(20)
        second = home.run("fetch", "Casa")
        go.set()
        thread.join()
        test("a second fetch says that the first is at it, and does nothing", second.returncode == 75
             and b"Another buzon" in second.stderr and first[0].returncode == 0
             and subjects(home) == LETTERS, (first, second))
        third = home.run("fetch", "Casa")
        test("afterwards it is free", third.returncode == 0 and third.stdout == b"", third)


def check_injection():
    """What the account says can bring no line of its own (C25)."""
    for name, user, password in (("a CR in the password", "ana", "a\rDELE 1"), ("a CR in the user", "a\rDELE 1", "x"),
                                 ("4097 bytes of user", "u" * 4097, "x")):
        with Fake(pop()) as server, Home("pop", server.port, user=user, password=password) as home:
            done = home.run("fetch", "Casa")
            test(f"C25 pop: {name} is refused before anything is sent", done.returncode in (77, 78)
                 and b"USER" not in server.got and b"DELE" not in server.got, (done, server.got))
    script = 'sh -c "printf \'a\\\\rDELE 1\'"'
    with Fake(pop()) as server, Home("pop", server.port, password=None, more=f"password-command = {script}\n") as home:
        done = home.run("fetch", "Casa")
        test("C25 pop: a CR out of password-command too", done.returncode in (77, 78)
             and b"DELE" not in server.got, (done, server.got))


def check_capabilities():
    """C40: mechanisms that vary; nothing weaker is ever taken."""
    for caps, code, said in (("SASL PLAIN", 0, b"AUTH PLAIN"), ("SASL CRAM-MD5 NTLM XOAUTH2", 77, b""),
                             ("", 77, b""), ("USER", 0, b"USER ana")):
        def answer(line, words):
            if words[0] == "CAPA":
                line.send(f"+OK\r\n{caps}\r\nUIDL\r\n.\r\n")
            elif words[0] == "AUTH":
                line.send("+ \r\n")
                line.line()
                line.send("+OK\r\n")
            else:
                return False
            return True
        with Fake(pop(greeting="+OK <1.2@pop.test>\r\n", answer=answer)) as server, \
                Home("pop", server.port) as home:
            done = home.run("fetch", "Casa")
            test(f"C40 pop: CAPA says {caps or 'nothing'}", done.returncode == code and said in server.got
                 and b"APOP" not in server.got and b"CRAM" not in server.got
                 and (code == 0) == (b"UIDL" in server.got), (done, server.got))

    def refuse(line, words):
        if words[0] == "PASS":
            line.send("-ERR [AUTH] \x1b[2Jwrong\x07\r\n")
        return words[0] == "PASS"
    with Fake(pop(answer=refuse)) as server, Home("pop", server.port) as home:
        done = home.run("fetch", "Casa")
        test("C40 pop: a refused password is tried once", done.returncode == 77
             and server.got.count(b"PASS") == 1 and b"\x1b" not in done.stderr and b"\x07" not in done.stderr,
             (done, server.got))


def main():
    check_listing()
    check_sizes()
    check_bodies()
    check_refused()
    check_cut()
    check_two_at_once()
    check_injection()
    check_capabilities()
    tap.done()


if __name__ == "__main__":
    main()
