#!/usr/bin/env python3
"""Reading on a real Dovecot: no attachment moves, and what was opened opens again without a server."""

import base64
import os
import pathlib
import sqlite3
import stat
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE.parent / "bench"))
sys.dont_write_bytecode = True
import dovecot  # noqa: E402
from dovecot import Dovecot, Missing  # noqa: E402
from fake import Fake, Home, asked  # noqa: E402
from proxy import Proxy  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

MB = 1000 * 1000
LITTLE = 100 * 1000  # bytes: what opening a text may cost, TLS and log-in included
PROSE = b"This is the text that is read, and it is long enough to be no stub of anything else.\n" * 4


def head(n, kind, more=b""):
    return (b"From: Eva <eva@example.org>\nTo: ana@example.org\nSubject: message %d\n"
            b"Date: Mon, 2 Nov 2020 10:00:00 +0000\nMIME-Version: 1.0\nContent-Type: %s\n%s\n" % (n, kind, more))


def part(kind, body, more=b""):
    return b"Content-Type: %s\n%s\n%s\n" % (kind, more, body)


def file(kind, size, more=b"Content-Disposition: attachment; filename=f.bin\n"):
    line = base64.b64encode(bytes(range(57))) + b"\n"
    return part(kind, line * (size // 57), b"Content-Transfer-Encoding: base64\n" + more)


def multi(kind, boundary, *parts):
    return b"".join(b"--%s\n%s" % (boundary, p) for p in parts) + b"--%s--\n" % boundary


def many_texts():
    return multi(b"mixed", b"A", *[part(b"text/plain", b"Piece %d of it.\n" % i) for i in range(60)])


ALTERNATIVE = part(b"multipart/alternative; boundary=C", multi(
    b"alternative", b"C", part(b"text/plain", PROSE), part(b"text/html", b"<p>the other form</p>\n")))
RELATED = part(b"multipart/related; boundary=D", multi(
    b"related", b"D", ALTERNATIVE, file(b"image/png", 2 * MB, b"Content-ID: <i@x>\n")))
INSIDE = head(0, b"multipart/mixed; boundary=E") + multi(
    b"mixed", b"E", part(b"text/plain", b"the nested text\n"), file(b"image/png", 2 * MB))

MAIL = {
    1: head(1, b"text/plain") + b"plain and short\n",
    2: head(2, b"multipart/mixed; boundary=A") + multi(
        b"mixed", b"A", part(b"text/plain", PROSE), file(b"application/zip", 50 * MB)),
    3: head(3, b"multipart/mixed; boundary=A") + multi(
        b"mixed", b"A", RELATED, part(b"message/rfc822", INSIDE), file(b"application/pdf", MB)),
    4: head(4, b"multipart/related; boundary=A") + multi(
        b"related", b"A", part(b"text/html; charset=utf-8", b"<p>Only <b>HTML</b> here.</p>\n"),
        file(b"image/png", 2 * MB, b"Content-ID: <i@x>\n")),
    5: head(5, b"text/plain") + b"The first line.\n" + b"And so it goes on, line after line.\n" * 300000,
    6: head(6, b"multipart/mixed; boundary=A") + multi(
        b"mixed", b"A", part(b"text/plain", PROSE),
        part(b"text/plain", b"a line of the log\n" * 170000, b"Content-Disposition: inline; filename=x.log\n")),
    7: head(7, b"multipart/mixed; boundary=A") + many_texts(),
    8: head(8, b"text/plain") + b"never opened\n",
}


class Reader:
    """A home whose account is behind a proxy that counts."""

    def __init__(self, server, more=""):
        self.proxy = Proxy(server.ports["imaps"])
        ca = pathlib.Path(server.ca_file).read_bytes()  # the server's goes with it
        self.home = Home("imap", self.proxy.port, "tls", "ca.pem", "secret", more=more)
        (self.home.path / "ca.pem").write_bytes(ca)
        self.bodies = self.home.path / ".cache/buzon/casa/bodies.db"

    def show(self, uid, *more):
        self.proxy.reset()
        return self.home.run("show", f"Casa:{uid}", *more)


def check_bytes(reader):
    done = reader.show(2)
    test("beside an attachment of 50 MB the text costs less than 100 kB",
         b"text that is read" in done.stdout and b"f.bin" in done.stdout and reader.proxy.down < LITTLE,
         (reader.proxy.down, done))
    done = reader.show(3)
    test("the text is found in nested parts; pictures, a forwarded message and a file stay there",
         b"text that is read" in done.stdout and b"nested text" not in done.stdout
         and b"the other form" not in done.stdout and reader.proxy.down < LITTLE, (reader.proxy.down, done))
    done = reader.show(4)
    test("HTML alone", b"Only HTML here." in done.stdout and reader.proxy.down < LITTLE, (reader.proxy.down, done))
    done = reader.show(5)
    test("a very long text is fetched in part, and says so",
         b"The first line." in done.stdout and b"only its beginning" in done.stdout
         and 4 * MB < reader.proxy.down < 5 * MB, (reader.proxy.down, done.stdout[:600], done.stderr))
    done = reader.show(6)
    test("of a long file that is shown, its beginning",
         b"text that is read" in done.stdout and b"a line of the log" in done.stdout
         and b"only its beginning" in done.stdout and reader.proxy.down < LITTLE, (reader.proxy.down, done.stdout[:600]))
    done = reader.show(7)
    test("sixty texts come in few turns", b"Piece 0 of it." in done.stdout and b"Piece 59 of it." in done.stdout
         and reader.proxy.turns <= 9, (reader.proxy.turns, done.stdout[-600:], done.stderr))
    done = reader.show(3, "--raw")
    test("the source is all of it, byte for byte", done.stdout.replace(b"\r\n", b"\n") == MAIL[3]
         and reader.proxy.down > 5 * MB, (reader.proxy.down, done.stderr, len(done.stdout)))


def check_kept(reader, stop):
    """What was opened before opens again; nothing else does."""
    before = {uid: reader.show(uid) for uid in (1, 2, 3, 4, 6, 7)}
    test("opened", all(done.returncode == 0 for done in before.values()))
    again = reader.show(2)
    test("opened again it costs nothing at all", again.stdout == before[2].stdout
         and reader.proxy.down == reader.proxy.up == 0, (reader.proxy.down, reader.proxy.up))
    test("only its owner may read the file", stat.S_IMODE(os.stat(reader.bodies).st_mode) == 0o600)
    stop()
    same = {uid: reader.show(uid) for uid in before}
    test("without the server: the same text, no word of complaint",
         all(same[uid].stdout == before[uid].stdout and same[uid].returncode == 0 and same[uid].stderr == b""
             for uid in before), same)
    as_json = reader.show(2, "--json")
    test("and the same as JSON", as_json.returncode == 0 and b"f.bin" in as_json.stdout, as_json)
    other = reader.show(8)
    test("what was never opened needs the server, and says so", other.returncode == 75
         and other.stdout == b"" and b"localhost" in other.stderr, other)


def check_broken(reader):
    """The cache is no place that an error may come from."""
    reader.show(1)
    size = reader.bodies.stat().st_size
    for junk in (b"\245" * size, b"", b"\245" * 10):
        for tail in ("-wal", "-shm"):
            pathlib.Path(f"{reader.bodies}{tail}").unlink(missing_ok=True)
        reader.bodies.write_bytes(junk)
        first, then = reader.show(1), reader.show(1)
        test(f"a damaged file ({len(junk)} bytes): fetched again, kept again",
             first.returncode == then.returncode == 0 and first.stdout == then.stdout
             and b"plain and short" in first.stdout and first.stderr == then.stderr == b""
             and reader.proxy.down == 0, (first, then))
    log = (reader.home.path / ".local/state/buzon/log").read_text()
    test("the log says why nothing was kept", "bodies.db" in log, log[-1000:])
    reader.bodies.unlink()
    reader.bodies.mkdir()
    first, then = reader.show(1), reader.show(1)
    test("where none can be made there is none", b"plain and short" in first.stdout
         and first.stdout == then.stdout and first.stderr == then.stderr == b"" and reader.proxy.down > 0, (first, then))


def kept_of(reader):
    with sqlite3.connect(reader.bodies) as db:
        return {row[0] for row in db.execute("SELECT uid FROM kept WHERE folder IS NOT NULL")}


def check_off(server):
    reader = Reader(server, "body-cache = off\n")
    reader.home.run("list", "Casa")
    reader.show(1)
    done = reader.show(1)
    test("body-cache = off keeps nothing", b"plain and short" in done.stdout and reader.proxy.down > 0
         and not reader.bodies.exists(), done)


# --- gone from the server -------------------------------------------------------------------------


def small_server(state):
    """Messages state["uids"] under state["validity"]; each one's text is its UID."""

    def script(line):
        line.send("* OK [CAPABILITY IMAP4rev1] ready\r\n")
        while True:
            words = line.line().split(" ")
            tag, rest = words[0], " ".join(words[1:])
            uids = state["uids"]
            if words[1] in ("EXAMINE", "SELECT"):
                line.send(f"* {len(uids)} EXISTS\r\n* OK [UIDVALIDITY {state['validity']}] ok\r\n"
                          f"* OK [UIDNEXT {uids[-1] + 1}] ok\r\n")
            elif words[1] == "LIST":
                line.send('* LIST () "/" INBOX\r\n')
            elif "BODYSTRUCTURE" in rest:
                fetch_one(line, uids, int(words[3]), "BODYSTRUCTURE (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 20 1)"
                          " BODY[HEADER]", "Subject: s\r\n\r\n")
            elif "BODY.PEEK[1]" in rest:
                fetch_one(line, uids, int(words[3]), "BODY[1]<0>", f"text of {state['validity']}/{words[3]}\r\n")
            elif "FETCH" in words:
                for i in (asked(words, len(uids)) if words[1] == "FETCH" else range(1, len(uids) + 1)):
                    line.send(f"* {i} FETCH (UID {uids[i - 1]} FLAGS () INTERNALDATE \" 2-Nov-2020 10:00:00 +0000\" "
                              "RFC822.SIZE 99 BODY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: s\r\n\r\n)\r\n")
            line.send(f"{tag} OK done\r\n")

    return script


def fetch_one(line, uids, uid, item, text):
    if uid in uids:
        line.send(f"* {uids.index(uid) + 1} FETCH (UID {uid} {item} {{{len(text)}}}\r\n{text})\r\n")


def check_gone():
    state = {"uids": [1, 2, 3, 4], "validity": 7}
    with Fake(small_server(state)) as server, Home("imap", server.port) as home:
        reader = Reader.__new__(Reader)
        reader.bodies = home.path / ".cache/buzon/casa/bodies.db"
        home.run("list", "Casa")
        shown = [home.run("show", f"Casa:{uid}") for uid in (1, 2, 3)]
        test("three are kept", kept_of(reader) == {1, 2, 3}
             and all(b"text of 7/%d" % uid in shown[uid - 1].stdout for uid in (1, 2, 3)), shown)
        state["uids"] = [1, 3, 4]
        home.run("list", "Casa")
        test("what was removed on the server is kept no longer", kept_of(reader) == {1, 3}, kept_of(reader))
        state["validity"] = 8
        home.run("list", "Casa")
        test("another UIDVALIDITY drops what was kept of the folder", kept_of(reader) == set(), kept_of(reader))
        done = home.run("show", "Casa:1")
        test("and the number means another message now", b"text of 8/1" in done.stdout, done)


# --- all of it ------------------------------------------------------------------------------------


def listed(server):
    reader = Reader(server)
    reader.home.run("list", "Casa")
    return reader


def main():
    try:
        dovecot.require()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    with Dovecot(mail={"ana": {"INBOX": [MAIL[uid] for uid in sorted(MAIL)]}}) as server:
        check_bytes(listed(server))
        check_off(server)
        check_broken(listed(server))
        check_kept(listed(server), server.stop)
    check_gone()
    tap.done()


if __name__ == "__main__":
    main()
