#!/usr/bin/env python3
"""Servers that lie, stall, cut and attack (SECURITY.md C12-C15, C17, C19, C25, C40-C42). Each
case plays one on loopback, runs the real buzon against it, and asks: did the password stay here, did
the program end with a sentence and the right code, was nothing believed?"""

import os
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
import dovecot  # noqa: E402
from fake import SANITIZED, Certificates, Fake, Home, PASSWORD, call, died, imap, imap_row, pop  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

SECRET = PASSWORD.encode()


# --- C12 to C15, C17, C19: what a logged-in server may send --------------------------------------


def measured(home, *argv):
    """(done, seconds of processor time, greatest resident memory in MB). What a sanitizer adds is not ours."""
    done = home.run(*argv, measure=True)
    return done, done.usage.ru_utime + done.usage.ru_stime, done.usage.ru_maxrss / 1024


def imap_with(before, **more):
    with Fake(imap(before=before, **more)) as server, Home("imap", server.port) as home:
        start = time.monotonic()
        done = call(home, "imap")
        return done, time.monotonic() - start


def at(command, text):
    return lambda line, name, words: text if name == command or words[2:3] == [command] else None


def check_depth():
    for count in (20000, 1000000):
        for command, kind in (
                ("FETCH", f"* 1 FETCH (UID 1 BODYSTRUCTURE {'(' * count}{')' * count})\r\n"),
                ("LIST", f"* LIST {'(' * count}\r\n"), ("LIST", f"* LIST () {'(' * count} x\r\n"),
                ("FETCH", f"* THREAD {'(' * count}\r\n"), ("FETCH", f"* 1 FETCH (BODY {'(' * count}\r\n"),
                ("FETCH", f"* 1 FETCH (UID 1 BODY[HEADER.FIELDS {'(' * count}\r\n"),
                ("FETCH", f"* OK [BADCHARSET {'(' * count}\r\n")):
            done, took = imap_with(at(command, kind))
            # a million fill the longest line there may be
            test(f"C12 {count} open parentheses in {kind[:22]!r}: no crash",
                 not died(done) and took < 10 and done.returncode in ((0,) if count < 100000 else (0, 76)), done)

    def deep(line, tag, words):
        if "BODYSTRUCTURE" not in " ".join(words):
            return False
        line.send(f"* 1 FETCH (UID 1 BODYSTRUCTURE {'(' * 20000}{')' * 20000} BODY[HEADER] {{0}}\r\n)\r\n"
                  f"{tag} OK\r\n")
        return True

    def raw(line, tag, words):
        if deep(line, tag, words):
            return True
        if "BODY.PEEK[]<0" not in " ".join(words):
            return False
        line.send(f"* 1 FETCH (UID 1 BODY[]<0> {{31}}\r\nSubject: a\r\n\r\nread all the same)\r\n{tag} OK\r\n")
        return True
    with Fake(imap(answer=raw)) as server, Home("imap", server.port) as home:
        call(home, "imap")
        done = home.run("show", "Casa:1")
        test("C12 a message of such a structure is read all the same",
             done.returncode == 0 and b"read all the same" in done.stdout, done)


def check_literals():
    with Fake(imap()) as server, Home("imap", server.port) as home:
        usual = measured(home, "list", "Casa")[2]
    for text in ("{4294967295}", "{2147483648}", "{4294967297}", "{-5}", "{99999999999999999999}",
                 "{ 4294967295}", "{4294967295}\rx", "{4294967295} "):
        with Fake(imap(before=at("FETCH", f"* 1 FETCH (UID 1 BODY[] {text}\r\n"))) as server, \
                Home("imap", server.port) as home:
            done, _, memory = measured(home, "list", "Casa")
            test(f"C13 literal {text!r}: refused, and no memory for it", done.returncode == 76
                 and (SANITIZED or memory < usual + 64), (done, memory, usual))

    def short(line, tag, words):
        if words[1] != "FETCH":
            return False
        line.send("* 1 FETCH (UID 1 BODY[] {60000000}\r\nabc")
        raise EOFError
    with Fake(imap(answer=short)) as server, Home("imap", server.port) as home:
        done, _, memory = measured(home, "list", "Casa")
    test("C13 a literal whose data never comes is an error, and takes no memory", done.returncode == 75
         and (SANITIZED or memory < usual + 64), (done, memory, usual))


def check_endless():
    with Fake(imap()) as server, Home("imap", server.port) as home:
        usual = measured(home, "list", "Casa")[2]

    def flood(text):
        def answer(line, tag, words):
            if words[1] != "FETCH":
                return False
            while True:
                line.send(text)
        return answer

    for name, text in (("line", b"* OK " + b"x" * 65000), ("quoted string", b"* LIST () \"" * 6000)):
        with Fake(imap(answer=flood(text))) as server, Home("imap", server.port) as home:
            done = call(home, "imap")
        test(f"C14 imap: an endless {name} is cut", done.returncode in (70, 75, 76), done)

    def endless(command, make):
        def answer(line, tag, words):
            if command not in words[1:3]:
                return False
            count = 1
            while True:
                line.send("".join(make(count + i) for i in range(2000)))
                count += 2000
        return answer

    for command, what, make in (
            ("LIST", "LIST", lambda i: f'* LIST () "/" folder{i}\r\n'),
            ("LIST", "LIST of one", lambda i: '* LIST () "/" same\r\n'),
            ("FETCH", "FETCH of rows", imap_row), ("FETCH", "FETCH of one row", lambda i: imap_row(1)),
            ("FETCH", "FETCH of marks", lambda i: f"* {i} FETCH (UID {i} FLAGS (\\Seen))\r\n"),
            ("EXAMINE", "EXISTS", lambda i: f"* {i} EXISTS\r\n"),
            ("LOGIN", "CAPABILITY", lambda i: "* CAPABILITY IMAP4rev1\r\n")):
        with Fake(imap(answer=endless(command, make))) as server, Home("imap", server.port) as home:
            done, _, memory = measured(home, "list", "Casa")
        test(f"C14 imap: {what} without end is cut, in bounded memory", done.returncode in (75, 76)
             and not died(done) and (SANITIZED or memory < usual + 64), (done, memory, usual))

    def endless_body(line, words):
        if words[0] != "CAPA":
            return False
        while True:
            line.send("+OK\r\n" + "X-CAP y\r\n" * 2000)

    def endless_line(line, words):
        if words[0] != "UIDL":
            return False
        while True:
            line.send(b"1 " + b"u" * 65000)

    def endless_list(line, words):
        if words[0] != "UIDL":
            return False
        line.send("+OK\r\n")
        count = 0
        while True:
            line.send("".join(f"{count + i + 1} u{count + i}\r\n" for i in range(5000)))
            count += 5000
    for name, answer in (("line", endless_line), ("UIDL", endless_list), ("CAPA", endless_body)):
        with Fake(pop(answer=answer)) as server, Home("pop", server.port) as home:
            done, _, memory = measured(home, "fetch", "Casa")
        test(f"C14 pop: an endless {name} is cut", done.returncode in (75, 76)
             and (SANITIZED or memory < usual + 128), (done, memory, usual))


def check_cuts(certs):
    """The connection ends after byte N of what the server says, plain and TLS."""
    context, ca = certs.get("good")
    for protocol in ("imap", "pop"):
        for security in ("none", "tls"):
            total, bad = [0], []

            def script(line):
                left, send = [limit], line.send

                def cutting(data):
                    data = data.encode() if isinstance(data, str) else data
                    total[0] += len(data)
                    send(data[:max(left[0], 0)])
                    left[0] -= len(data)
                    if left[0] <= 0:
                        raise EOFError
                line.send = cutting
                (imap() if protocol == "imap" else pop())(line)
            limit = 1 << 30
            with Fake(script, security == "tls", context) as server, \
                    Home(protocol, server.port, security, ca) as home:
                whole = call(home, protocol)
            size, total[0] = total[0], 0
            step = 3 if security == "none" else 29
            # The last answer of POP is QUIT's, and of IMAP it is LIST's: cut there, all was there.
            for limit in range(1, size - 40, step):
                with Fake(script, security == "tls", context) as server, \
                        Home(protocol, server.port, security, ca) as home:
                    done, spent, _ = measured(home, *(("list", "Casa") if protocol == "imap"
                                                      else ("fetch", "Casa")))
                if died(done) or spent > 2 or (done.returncode == 0 and protocol == "pop"
                                               and limit < size - 60):
                    bad.append((limit, done.returncode, spent, done.stderr))
            test(f"C15 {protocol} {security}: cut at {len(range(1, size - 40, step))} places of "
                 f"{size} bytes: an error each time, no spin", whole.returncode == 0 and not bad, bad)


def check_reset():
    def answer(line, tag, words):
        if words[1] != "FETCH":
            return False
        line.reset()
        raise EOFError
    with Fake(imap(answer=answer)) as server, Home("imap", server.port) as home:
        done = call(home, "imap")
    test("C17 a reset in the middle: exit code 75 and a sentence", done.returncode == 75
         and b"closed the connection" in done.stderr, done)
    for protocol, command in (("imap", "LOGIN"), ("imap", "EXAMINE"), ("imap", "LIST"), ("pop", "USER"),
                              ("pop", "UIDL"), ("pop", "RETR"), ("imap", "greeting"), ("pop", "greeting")):
        def at_once(line, *more):
            if more[-1][0 if protocol == "pop" else 1] != command:
                return False
            line.reset()
            raise EOFError

        def script(line):
            if command == "greeting":
                line.reset()
                raise EOFError
            (imap(answer=at_once) if protocol == "imap" else pop(answer=at_once))(line)
        with Fake(script) as server, Home(protocol, server.port) as home:
            done = call(home, protocol)
            test(f"C17 {protocol}: a reset at {command}", done.returncode == 75 and done.stderr != b"", done)


def check_another_try():
    """A server that ends the session in the middle, once: buzon's list asks once more."""
    left = [1]

    def answer(line, tag, words):
        if "FETCH" not in words or left[0] == 0:
            return False
        left[0] -= 1
        line.reset()
        raise EOFError
    with Fake(imap(answer=answer)) as server, Home("imap", server.port) as home:
        done = home.run("list", "Casa")
    test("a session that the server ended is begun again, once", done.returncode == 0
         and done.stdout.count(b"letter") == 3 and len(server.lines) == 2, done)


GREETINGS = ["+ hi\r\n", "* 3 EXISTS\r\n", "* LIST () NIL x\r\n", "* \r\n", "\r\n", "* FLAGS ()\r\n", "B1 OK x\r\n",
             "* 1 FETCH (UID 1)\r\n", "HTTP/1.1 302 Found\r\n\r\n"]
ODD = ["* 0 EXPUNGE\r\n" * 9, "* 99 EXPUNGE\r\n" * 9, "* 4294967295 EXPUNGE\r\n", "*  4294967299 EXISTS\r\n",
       "* 0 FETCH (UID 9 FLAGS ())\r\n", "* 9 FETCH (UID 1 FLAGS (\\Seen))\r\n", "* 2 FETCH (FLAGS (\\Seen))\r\n" * 9,
       imap_row(2) * 9, imap_row(77), "* OK [PERMANENTFLAGS (%K&] x\r\n", "* OK [PERMANENTFLAGS (\\*)] x\r\n",
       "* NAMESPACE (({3}\r\nabc\r\n", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n",
       "* ANNOTATION x y z\r\n", "* METADATA \"\" (/private/x {2}\r\nab)\r\n",
       "* ID (\"name\" NIL\r\n", "* QUOTA \"\" (STORAGE 1\r\n", "* ACL INBOX x\r\n", "* OK\r\n",
       "* ESEARCH (TAG \"x\") UID ALL 1:3\r\n", "* VANISHED 1:3\r\n", "* ENABLED QRESYNC\r\n",
       "* 4 FETCH (PREVIEW NIL)\r\n", "* 4 FETCH (EMAILID (M1))\r\n", "* 5 FETCH (MODSEQ (99))\r\n",
       "* STATUS INBOX (SIZE 99999999999)\r\n", "* STATUS INBOX ()\r\n", "*\r\n", "* \r\n",
       "* 1\r\n", "* 7 WHAT\r\n", "* LIST (\\Marked) NIL \"\"\r\n", "* OK [ALERT] be careful\r\n",
       "* LIST () \"/\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n", "* FLAGS (((\r\n",
       "* 1 FETCH (UID 0 FLAGS ())\r\n", "* 3 FETCH (FLAGS (\\Seen $Junk \"x\"))\r\n"]


def check_odd():
    bad = []
    for odd in ODD:
        done, took = imap_with(at("FETCH", odd))
        if done.returncode != 0 or done.stdout.count(b"letter") != 3 or took > 5:
            bad.append((odd, done))
    test(f"C19 {len(ODD)} odd or broken untagged responses: skipped, the session goes on", not bad,
         bad)
    bad = []
    for greeting in GREETINGS:
        with Fake(imap(greeting=greeting)) as server, Home("imap", server.port) as home:
            done = call(home, "imap")
            if done.returncode not in (75, 76) or b"LOGIN" in server.got:
                bad.append((greeting, done))
    test(f"{len(GREETINGS)} greetings that are none: closed, nothing sent", not bad, bad)

    def reversed_uids(line, tag, words):
        if "FETCH" not in words[1:3]:
            return False
        line.send("".join(imap_row(i).replace(f"UID {i} ", f"UID {4 - i} ") for i in (3, 1, 2, 2)) + f"{tag} OK\r\n")
        return True
    with Fake(imap(answer=reversed_uids)) as server, Home("imap", server.port) as home:
        runs = [call(home, "imap") for _ in range(3)]
        test("UIDs against the order, and one twice: all are listed, each time",
             all(r.returncode == 0 and r.stdout.count(b"letter") == 3 for r in runs), runs)

    def bare_select(line, tag, words):
        if words[1] != "EXAMINE":
            return False
        line.send(f"* 3 EXISTS\r\n{tag} OK\r\n")
        return True
    with Fake(imap(answer=bare_select)) as server, Home("imap", server.port) as home:
        runs = [call(home, "imap") for _ in range(2)] + [home.run("show", "Casa:2")]
        test("neither UIDNEXT nor UIDVALIDITY: listed all the same", all(r.returncode == 0 for r in runs[:2])
             and all(r.stdout.count(b"letter") == 3 for r in runs[:2]), runs)

    def no_list(line, tag, words):
        if words[1] == "LIST":
            line.send(f"{tag} NO not today\r\n")
        return words[1] == "LIST"
    with Fake(imap(answer=no_list)) as server, Home("imap", server.port) as home:
        done = call(home, "imap")
        test("LIST refused: the Inbox is listed all the same",
             done.returncode == 0 and done.stdout.count(b"letter") == 3, done)
    with Fake(imap(before=at("LIST", "".join(f'* LIST () "/" "f{i}"\r\n' for i in range(10050))))) as server, \
            Home("imap", server.port) as home:
        done = home.run("list")
        test("10,000 folders are listed, and no more", done.returncode == 0
             and done.stdout.count(b"\n") in (10000, 10001), (done.returncode, done.stdout.count(b"\n"), done.stderr))
    bad = []
    for text in ("* 10000001 EXISTS\r\n", "* 4294967296 EXISTS\r\n", "* OK [UIDVALIDITY 4294967297] x\r\n",
                 "* 1 FETCH (UID 4294967297 FLAGS ())\r\n", "* OK \0 x\r\n"):
        done, _ = imap_with(at("FETCH", text))
        if done.returncode != 76:
            bad.append((text, done))
    test("numbers over 32 bits and NUL end the connection", not bad, bad)


# --- C25, C40: what is sent ----------------------------------------------------------------------


def check_arguments():
    long = "x" * 600
    for name, password in (("quotes and backslashes", 'a"b\\c "d'), ("600 bytes", long)):
        with Fake(imap()) as server, Home("imap", server.port, password=password) as home:
            done = call(home, "imap")
            want = '"' + password.replace("\\", "\\\\").replace('"', '\\"') + '"'
            test(f"C25 imap: a password with {name} arrives whole and quoted",
                 done.returncode == 0 and want.encode() in server.got, (done, server.got))
    with Fake(pop()) as server, Home("pop", server.port, password=long) as home:
        done = call(home, "pop")
        test("C25 pop: a password of 600 bytes arrives whole",
             done.returncode == 0 and b"PASS " + long.encode() + b"\r\n" in server.got, done)
    with Fake(imap()) as server, Home("imap", server.port, password="x" * 5000) as home:
        done = call(home, "imap")
        test("C25 a password of 5000 bytes is refused before anything is sent",
             done.returncode in (77, 78) and b"LOGIN" not in server.got, (done, server.got))
    evil = '* LIST () "/" {15}\r\nX\r\nB9 DELETE IN\r\n'
    with Fake(imap(before=at("LIST", evil))) as server, Home("imap", server.port) as home:
        call(home, "imap")
        home.run("list", "Casa/X\r\nB9 DELETE IN")
        test("C25 a folder's name cannot bring a command of its own",
             b"\nB9 DELETE" not in server.got.replace(b"\r", b""), server.got)
    with Fake(imap(greeting="* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n")) as server, \
            Home("imap", server.port, password="contraseña") as home:
        done = call(home, "imap")
        test("a password beyond ASCII goes by SASL PLAIN",
             done.returncode == 0 and b"AUTHENTICATE PLAIN " in server.got, (done, server.got))


def check_login():
    for caps, code in (("LOGINDISABLED", 77), ("LOGINDISABLED AUTH=CRAM-MD5 AUTH=APOP", 77)):
        with Fake(imap(greeting=f"* OK [CAPABILITY IMAP4rev1 {caps}] hi\r\n")) as server, \
                Home("imap", server.port) as home:
            done = call(home, "imap")
            test(f"C40 imap {caps}: nothing sent", done.returncode == code
                 and SECRET not in server.got and b"AUTH" not in server.got, (done, server.got))

    def only_sasl(line, words):
        if words[0] != "CAPA":
            return False
        line.send("+OK\r\nSASL CRAM-MD5 NTLM\r\nUIDL\r\n.\r\n")
        return True
    with Fake(pop(greeting="+OK ready <1896.697170952@pop.test>\r\n", answer=only_sasl)) as server, \
            Home("pop", server.port) as home:
        done = call(home, "pop")
        test("C40 pop: APOP and CRAM-MD5 are never used", done.returncode == 77
             and b"APOP" not in server.got and b"AUTH" not in server.got, (done, server.got))

    def refuse(line, tag, words):
        if words[1] == "LOGIN":
            line.send(f"{tag} NO [AUTHENTICATIONFAILED] \x1b[31mno " + "y" * 4000 + "\r\n")
        elif words[1] == "EXAMINE":
            line.send(f"{tag} BAD not logged in\r\n")
        else:
            return False
        return True
    with Fake(imap(answer=refuse)) as server, Home("imap", server.port) as home:
        done = call(home, "imap")
        test("C40 a refused password is tried once, the server's words are cleaned and cut",
             done.returncode == 77 and server.got.count(b"LOGIN") == 1
             and b"\x1b" not in done.stderr and len(done.stderr) < 600, (done, server.got))


# --- C41, C42: secrets and permissions -----------------------------------------------------------


def walk(path):
    for root, folders, files in os.walk(path):
        for name in folders + files:
            yield pathlib.Path(root, name)


def check_secrets(certs):
    context, ca = certs.get("good")
    seen = []

    def answer(line, tag, words):
        if words[1] == "FETCH" and not seen:
            process = spied[0]
            for part in ("cmdline", "environ"):
                try:
                    seen.append(pathlib.Path(f"/proc/{process}/{part}").read_bytes())
                except OSError:
                    seen.append(b"")  # not readable even for its owner: better still
        return False

    spied = []
    with Fake(imap(answer=answer), True, context) as server, \
            Home("imap", server.port, "tls", ca) as home:
        import subprocess
        env = {"HOME": str(home.path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        if "ASAN_OPTIONS" in os.environ:
            env["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"]
        process = subprocess.Popen([os.environ["BUZON"], "list", "Casa"], env=env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, preexec_fn=lambda: os.umask(0))
        spied.append(process.pid)
        out, err = process.communicate(timeout=30)
        files = [p for p in walk(home.path) if p.is_file() and p != home.rc]
        leaks = [p for p in files if SECRET in p.read_bytes()]
        test("C41 the password is in no file, argv, environment or output",
             process.returncode == 0 and SECRET in server.got and not leaks
             and not any(SECRET in part for part in seen) and SECRET not in out + err,
             (leaks, process.returncode))
        modes = [(p, oct(p.stat().st_mode)) for p in walk(home.path)
                 if "buzon" in p.parts and p.stat().st_mode & 0o077 and ".config" not in p.parts]
        test("C42 with umask 0 everything is private", not modes, modes)
        home.rc.chmod(0o644)
        done = home.run("list", "Casa")
        test("C42 a password in a file that others may read is refused, with the chmod line",
             done.returncode == 78 and b"chmod" in done.stderr, done)


def check_folders():
    """What another program left where buzon keeps its things."""
    with Fake(imap()) as server, Home("imap", server.port) as home:
        store = home.path / ".local/share/buzon"
        store.mkdir(parents=True)
        store.chmod(0o777)
        (store / "casa").mkdir()
        (store / "casa").chmod(0o777)
        done = home.run("list", "Casa")
        test("C42 a folder of the account that others could write to is closed to them",
             done.returncode == 0 and (store / "casa").stat().st_mode & 0o077 == 0, done)
    for name in (".cache/buzon/casa/cache.db", ".local/share/buzon/casa/state.db"):
        with Fake(imap()) as server, Home("imap", server.port) as home:
            precious, link = home.path / "precious", home.path / name
            precious.write_bytes(b"not ours")
            link.parent.mkdir(parents=True)
            link.symlink_to(precious)
            done = home.run("list", "Casa")
            test(f"C42 {link.name} as a link to another file: a sentence, and that file is whole",
                 done.returncode in (73, 74) and precious.read_bytes() == b"not ours"
                 and name.encode() in done.stderr, done)


def run(*checks):
    """Each check is given the certificates, where it wants them."""
    if dovecot.find_program("openssl") is None:
        print("1..0 # SKIP openssl is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="bz-certs-") as folder:
        certs = Certificates(folder)
        for check in checks:
            check(*(certs,)[:check.__code__.co_argcount])
    tap.done()


if __name__ == "__main__":
    run(check_cuts, check_reset, check_another_try, check_odd, check_arguments, check_login, check_secrets,
        check_folders)
