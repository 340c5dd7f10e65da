#!/usr/bin/env python3
"""`list --match` where the server must be asked: a real Dovecot with its extensions and without them,
what it is asked byte for byte, and servers that answer ill."""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE)]
sys.dont_write_bytecode = True
from dovecot import Dovecot, Message, Missing  # noqa: E402
from fake import Fake, Home, SANITIZED, died, imap  # noqa: E402
from imap_actions import Relay, server_with  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

COUNT = 700  # the first 200 are listed before the server is asked
BARE = "IMAP4rev1 SASL-IR ID"
EXTENSIONS = {"all extensions": None, "no ESEARCH": BARE + " LITERAL+", "no LITERAL+": BARE + " ESEARCH",
              "short literals": BARE + " ESEARCH LITERAL-", "bare": BARE}
RARE = range(50, COUNT + 1, 150)  # 50 200 350 500 650


def letter(i):
    cc = "Cc: Wei <wei@example.org>\n" if i % 100 == 7 else ""
    words = "Nos vemos en la estaci\u00f3n" if i in RARE else "hello"
    text = (f"From: Eva <eva@example.org>\nTo: Ana <ana@example.org>, L{i % 10} <l@example.org>\n{cc}"
            f"Subject: letter {i}\nDate: Mon, {2 + i % 20} Nov 2020 10:00:00 +0000\nMIME-Version: 1.0\n"
            f"Content-Type: text/plain; charset=utf-8\n\n{words}\n")
    return Message(text.encode(), flags=("flagged",) if i % 2 == 0 else ())


CASES = {
    "body:estaci\u00f3n": RARE,
    "body:ESTACI\u00d3N is:flagged": [i for i in RARE if i % 2 == 0],
    "body:estaci\u00f3n -is:flagged": [],
    "body:estaci\u00f3n \"letter 5\"": [50, 500],
    "texto:estaci\u00f3n or cc:wei": [*RARE, *range(7, COUNT + 1, 100)],
    "cc:wei size:<1k": range(7, COUNT + 1, 100),
    "cc:wei size:>1k": [],
    "to:l3 on:2020-11-05": [i for i in range(3, COUNT + 1, 10) if i % 20 == 3],
    "-(body:hello)": RARE,
    "\"letter 66\"": [66, *range(660, 670)],
    "cc:wei has:attachment": [],
    "body:nowhere": [],
}


def listed(done):
    return sorted(int(i) for i in re.findall(rb"letter (\d+)$", done.stdout, re.M))


def check_words(name, capability):
    with server_with({"INBOX": [letter(i) for i in range(1, COUNT + 1)]}, capability) as server:
        relay = Relay(server.ports["imap"])
        with relay:
            for words, expected in CASES.items():
                with Home("imap", relay.port, password="secret") as home:
                    done = home.run("list", "Casa", "--match", words)
                test(f"{name}: {words}", done.returncode == 0 and listed(done) == sorted(expected), done)
        asked = relay.asked("UID SEARCH")
        extended, literal = capability is None or " ESEARCH" in capability, capability is None or "LITERAL" in capability
        test(f"{name}: RETURN where it is offered", asked and
             all(("RETURN (ALL)" in c) == extended for c in asked), asked)
        first = asked[0] if asked else ""
        test(f"{name}: literals as they are offered", first.endswith(
             "CHARSET UTF-8 OR BODY " + ("{9+}" if literal else "{9}")) and
             any(c.endswith("BODY \"estacion\"") for c in relay.commands), relay.commands)


# --- servers that answer ill ---------------------------------------------------------------------


class Answer:
    """A server of n messages that answers SEARCH with `lines`, then OK or `end`."""

    def __init__(self, lines, end="OK done", caps="IMAP4rev1 ESEARCH LITERAL+"):
        self.lines, self.end, self.asked = lines, end, []
        self.script = imap(n=3, greeting=f"* OK [CAPABILITY {caps}] ready\r\n", answer=self.answer)

    def answer(self, line, tag, words):
        if words[1:3] != ["UID", "SEARCH"]:
            return False
        text = " ".join(words[3:])
        while re.search(r"\{\d+\+\}$", text):
            text += "\n" + line.line()
        self.asked.append(text)
        end = self.end(text) if callable(self.end) else self.end
        if end.startswith("OK"):
            for part in self.lines:
                line.send(part)
        line.send(f"{tag} {end}\r\n")
        return True


def ask(answer, words="body:x"):
    with Fake(answer.script) as server, Home("imap", server.port) as home:
        return home.run("list", "Casa", "--match", words, measure=True), server


GOOD = {
    "plain": ["* SEARCH 1 3\r\n"],
    "in two": ["* SEARCH 1\r\n", "* SEARCH 3\r\n"],
    "with MODSEQ": ["* SEARCH 3 1 (MODSEQ 917162500)\r\n"],
    "ESEARCH": ["* ESEARCH (TAG \"B9\") UID ALL 1,3\r\n"],
    "of messages that are not there": ["* SEARCH 1 3 77\r\n"],
    "numbers that are no UIDs": ["* ESEARCH (TAG \"B9\") ALL 2\r\n", "* SEARCH 1 3\r\n"],
    "something unknown": ["* XSEARCH 2\r\n", "* SEARCH 1 3\r\n"],
}
ILL = {
    "a range of all": ["* ESEARCH UID ALL 1:4294967295\r\n"],
    "a range turned round": ["* ESEARCH UID ALL 3:1\r\n"],
    "a star": ["* ESEARCH UID ALL 1:*\r\n"],
    "more than there are": ["* SEARCH " + " ".join(str(i) for i in range(1, 5000)) + "\r\n"],
    "zero": ["* SEARCH 0\r\n"],
    "a UID of 33 bits": ["* SEARCH 4294967296\r\n"],
    "letters": ["* SEARCH 1 three\r\n"],
}


def check_good():
    for name, lines in GOOD.items():
        answer = Answer(lines)
        done, _ = ask(answer)
        test(f"taken: {name}", done.returncode == 0 and listed(done) == [1, 3], (done, answer.asked))


def check_ill():
    for name, lines in ILL.items():
        done, server = ask(Answer(lines))
        test(f"refused, and the line goes on: {name}", done.returncode == 69 and b"makes no sense" in done.stderr and
             listed(done) == [] and len(server.lines) == 1, done)
    done, server = ask(Answer([], "NO not today"))
    test("a refusal is told in the server's words", done.returncode == 69 and b"not today" in done.stderr and
         len(server.lines) == 1, done)
    many = [" ".join(str(i) for i in range(low, low + 20000)) for low in range(1, 10000000, 20000)]
    done, _ = ask(Answer([f"* SEARCH {part}\r\n" for part in many]))
    test("ten million UIDs are no answer", done.returncode in (69, 76) and not died(done), done)
    test("and cost nothing", SANITIZED or done.usage.ru_maxrss < 64 << 10, done.usage)
    done, _ = ask(Answer(["* SEARCH " + " ".join(many)]))
    test("nor is a line without an end", done.returncode != 0 and not died(done) and
         (SANITIZED or done.usage.ru_maxrss < 64 << 10), (done, done.usage))
    with_rows = Answer(["* SEARCH 1\r\n"])
    done, _ = ask(with_rows, "cc:x -\"letter 1\"")
    test("what a row refuses is not listed, whatever the server says", done.returncode == 0 and listed(done) == [], done)


def check_charset():
    answer = Answer(["* SEARCH 3\r\n"], lambda text: "NO [BADCHARSET (US-ASCII)] no" if "CHARSET" in text else "OK done")
    done, server = ask(answer, "body:Canci\u00f3n")
    test("without a charset it looks for plain letters, and says so", done.returncode == 0 and listed(done) == [3] and
         answer.asked == ["RETURN (ALL) CHARSET UTF-8 OR BODY {8+}\nCanci\u00f3n BODY \"cancion\"",
                          "RETURN (ALL) BODY \"cancion\""] and b"a to z" in done.stderr and
         len(server.lines) == 1, (done, answer.asked))
    answer = Answer(["* SEARCH 3\r\n"], lambda text: "NO [BADCHARSET] no" if "CHARSET" in text else "OK done")
    done, _ = ask(answer, "body:\u0432\u0435\u0440\u0430")
    test("letters that have no plain form are not looked for", done.returncode == 69 and listed(done) == [] and
         len(answer.asked) == 1 and b"a to z" in done.stderr, (done, answer.asked))


def check_offline():
    with server_with({"INBOX": [letter(i) for i in range(1, 11)]}) as server:
        with Home("imap", server.ports["imap"], password="secret") as home:
            home.run("list", "Casa")
            server.stop()
            done = home.run("list", "Casa", "--match", "\"letter 7\" or cc:wei")
            test("offline: what is known here, and that it is not all", done.returncode != 0 and
                 listed(done) == [7], done)


def main():
    check_good()
    check_ill()
    check_charset()
    try:
        Dovecot().start().stop()
    except Missing as why:
        print(f"# Dovecot's part is left out: {why}")
    else:
        for name, capability in EXTENSIONS.items():
            check_words(name, capability)
        check_offline()
    tap.done()


if __name__ == "__main__":
    main()
