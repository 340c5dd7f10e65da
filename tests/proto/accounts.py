#!/usr/bin/env python3
"""The command line on a real Dovecot over TLS: list, show, fetch; what is said on the line for it."""

import json
import mailbox
import os
import pathlib
import poplib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
import dovecot  # noqa: E402
from dovecot import Dovecot, Message, Missing  # noqa: E402
from fake import Home  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402


def letter(i, extra=b""):
    return (b"From: =?utf-8?q?Luc=C3=ADa?= <lucia%d@example.org>\nTo: Ana <ana@example.org>\n"
            b"Subject: letter %d\nDate: Mon, 2 Nov 2020 10:%02d:00 +0100\nMessage-ID: <l%d@example.org>\n"
            b"%s\nBody of letter %d.\n.\n..two dots\nFrom the start of a line\n" %
            (i, i, i % 60, i, extra, i))


MIXED = b"""From: Eva <eva@example.org>
To: "Ruiz, Ana" <ana@example.org>, Pedro <pedro@example.org>
Cc: wei@example.org
Subject: =?iso-8859-1?q?A=F1o?= nuevo
Date: Tue, 3 Nov 2020 10:00:00 +0000
Message-ID: <mixed@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=B

--B
Content-Type: multipart/alternative; boundary=C

--C
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

=A1Feliz a=F1o! This is long enough that nobody takes it for a stub: it goes on and on, says that the
photographs are attached, asks about the weather, and wishes a good evening to everybody at home.
--C
Content-Type: text/html; charset=utf-8

<p>Feliz <b>html</b></p>
--C--
--B
Content-Type: application/pdf; name*=utf-8''a%C3%B1o.pdf
Content-Disposition: attachment; filename*=utf-8''a%C3%B1o.pdf
Content-Transfer-Encoding: base64

AAECAwQFBgcICQ==
--B
Content-Type: message/rfc822

From: deep@example.org
Subject: inside

nested text
--B--
"""


def mail():
    return {"INBOX": [letter(i) for i in range(1, 61)] + [MIXED],
            "A\u00f1o nuevo": [Message(letter(7), {"seen", "flagged"})],
            "Listas/\u65e5\u672c": [letter(8)]}


def home_of(server, protocol, security="tls"):
    port = {"imap": {"tls": "imaps"}, "pop": {"tls": "pop3s"}}[protocol].get(
        security, protocol if protocol == "imap" else "pop3")
    return Home(protocol, server.ports[port], security, server.ca_file, "secret")


def lines(done):
    return done.stdout.decode().splitlines()


def commands(server):
    said = b"".join(p.read_bytes() for p in sorted(pathlib.Path(server.rawlog).glob("*.in")))
    return [line.split(" ", 1)[-1] for line in said.decode(errors="replace").splitlines()]


def settle(server, count):
    """The rawlog is written when a session ends: wait for that many."""
    limit = time.monotonic() + 20
    while len(list(pathlib.Path(server.rawlog).glob("*.in"))) < count and time.monotonic() < limit:
        time.sleep(0.02)


def check_imap(server):
    for security in ("tls", "starttls"):
        with home_of(server, "imap", security) as home:
            done = home.run("list", "Casa")
            test(f"imap {security}: the whole Inbox, newest first", done.returncode == 0
                 and len(lines(done)) == 61 and "letter 60" in lines(done)[1]
                 and lines(done)[60].startswith("Casa:1 "), done)
    with home_of(server, "imap") as home:
        done = home.run("list", "Casa/A\u00f1o nuevo")
        test("a folder with an accent, by its name for people; flags",
             done.returncode == 0 and len(lines(done)) == 1 and "  ! " in lines(done)[0], done)
        done = home.run("list", "Casa/Listas/\u65e5\u672c", "--limit", "1")
        test("a folder in another script, below another", done.returncode == 0
             and "letter 8" in done.stdout.decode(), done)
        done = home.run("list", "Casa/Nowhere")
        test("a folder that is not there: 66 and a sentence", done.returncode == 66
             and b"Nowhere" in done.stderr, done)
        done = home.run("list", "Casa", "--limit", "2", "--json")
        rows = [json.loads(line) for line in lines(done)]
        test("list --json", len(rows) == 2 and rows[1]["subject"] == "letter 60"
             and rows[1]["date"] == "2020-11-02T10:00:00+01:00"
             and rows[1]["message_id"].strip("<>") == "l60@example.org"
             and {"ref", "uid", "from", "to", "flags", "size"} <= set(rows[1]), rows)
        done = home.run("show", rows[0]["ref"], "--json")
        shown = json.loads(done.stdout)
        parts = {p["path"]: p for p in shown["parts"]}
        test("show --json: text, names, parts by number",
             "\u00a1Feliz a\u00f1o!" in shown["text"] and "html" not in shown["text"]
             and shown["from"] == [{"name": "Eva", "addr": "eva@example.org"}]
             and shown["to"][0] == {"name": "Ruiz, Ana", "addr": "ana@example.org"}
             and parts["2"]["filename"] == "a\u00f1o.pdf" and 10 <= parts["2"]["size"] <= 12
             and parts["1.1"]["type"] == "text/plain" and "3" in parts, shown)
        done = home.run("show", rows[0]["ref"], "--raw")
        test("show --raw is the message byte for byte",
             done.stdout.replace(b"\r\n", b"\n") == MIXED, done)
        done = home.run("show", "Casa:4000")
        test("a message that is not there: 66", done.returncode == 66, done)


def check_flight(server):
    said = commands(server)
    words = [re.sub(r"^B\d+ ", "", line) for line in said]
    test("the window is asked for right behind EXAMINE; reading never selects to write",
         any(w.startswith("FETCH 1:61 (UID FLAGS INTERNALDATE") or w.startswith("FETCH 42:61")
             or w.startswith("FETCH 26:61") for w in words)
         and not any(w.startswith(("SELECT", "STORE", "UID STORE", "DELETE", "EXPUNGE"))
                     for w in words), words[:40])
    test("the text is fetched by part, the attachment is not",
         any("BODY.PEEK[1.1]" in w for w in words) and not any("BODY.PEEK[2]" in w for w in words),
         words)


def pop_count(server):
    import ssl
    line = poplib.POP3_SSL("localhost", server.ports["pop3s"],
                           context=ssl.create_default_context(cafile=server.ca_file))
    line.user("ana")
    line.pass_("secret")
    count = line.stat()[0]
    line.quit()
    return count


def check_pop(server):
    for security in ("tls", "starttls"):
        with home_of(server, "pop", security) as home:
            done = home.run("fetch")
            test(f"pop {security}: everything is downloaded", done.returncode == 0
                 and re.match(rb"Casa: 61 new, ", done.stdout), done)
            again = home.run("fetch")
            test(f"pop {security}: nothing comes twice", again.returncode == 0
                 and again.stdout == b"", again)
    with home_of(server, "pop") as home:
        home.run("fetch")
        box = home.path / ".local/share/buzon/casa/inbox.mbox"
        stored = list(mailbox.mbox(box))
        test("another program reads the same from the mbox", len(stored) == 61
             and [m["Subject"] for m in stored[:60]] == [f"letter {i}" for i in range(1, 61)])
        before = home.run("list", "Casa")
        test("list needs no line", len(lines(before)) == 61 and "A\u00f1o nuevo" in lines(before)[0],
             before)
        done = home.run("show", "Casa:60")
        test("a lone dot and a From line come back", b"\n.\n..two dots\nFrom the start" in done.stdout,
             done)
        ref = lines(before)[0].split(" ")[0]
        raw = home.run("show", ref, "--raw").stdout
        test("show --raw of a downloaded message is the message, but for the slots of its marks",
             re.sub(rb"^(X-)?Status:.*\n", b"", raw, flags=re.M) == MIXED, raw)
        os.unlink(home.path / ".cache/buzon/casa/cache.db")
        after = home.run("list", "Casa")
        test("without its cache the list is the same, numbers too", after.stdout == before.stdout,
             after)
        with open(box, "ab") as out:
            out.write(b"From eva@example.org Tue Nov  3 10:00:00 2020\nSubject: appended\n\nhi\n\n")
        done = home.run("list", "Casa", "--limit", "1")
        test("another program's message is seen", b"appended" in done.stdout, done)
        done = home.run("fetch")
        test("and is no reason to download anything again", done.stdout == b"", done)
    test("the server's copies are all there", pop_count(server) == 61)
    test("nothing was ever deleted", not any(w.upper().startswith("DELE") for w in commands(server)))


def check_batches():
    many = {"ana": {"INBOX": [letter(i) for i in range(1, 1301)]}}
    with Dovecot(mail=many, rawlog=True) as server:
        with home_of(server, "imap") as home:
            done = home.run("list", "Casa")
            test("1300 messages are all listed", len(lines(done)) == 1300, done.stderr)
            settle(server, 1)
            spans = [tuple(map(int, m)) for w in commands(server)
                     for m in re.findall(r"FETCH (\d+):(\d+) \(UID FLAGS INTERNALDATE", w)]
            test("newest first, at most 500 a FETCH, nothing twice",
                 all(b - a < 500 for a, b in spans) and sorted(spans, reverse=True) == spans
                 and sum(b - a + 1 for a, b in spans) == 1300, spans)


def main():
    try:
        dovecot.require()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    with Dovecot(mail={"ana": mail()}, rawlog=True) as server:
        check_imap(server)
        settle(server, 9)
        check_flight(server)
    with Dovecot(mail={"ana": mail()}, rawlog=True) as server:
        check_pop(server)
    check_batches()
    tap.done()


if __name__ == "__main__":
    main()
