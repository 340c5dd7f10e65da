"""A POP3 maildrop for tests/lib/fake.py that keeps count: what was asked for, and how often the server had
to wait for the next command."""

CAPS = ("TOP", "UIDL", "PIPELINING", "USER", "RESP-CODES")


def letter(i, body=None, extra=""):
    """A message with CRLF line ends."""
    text = body if body is not None else f"body of {i}\nFrom here on\n.\nend\n"
    return (f"From: Eva <eva@example.org>\nTo: ana@example.org\nSubject: letter {i}\n"
            f"Date: Mon, 2 Nov 2020 10:00:00 +0000\nMessage-ID: <{i}@example.org>\n{extra}\n{text}"
            ).replace("\n", "\r\n").encode()


class Ready:
    """A line that sends what stands ready before anything else."""

    def __init__(self, line, out):
        self.line, self.out = line, out

    def send(self, data):
        self.out.append(data)
        self.line.send(b"".join(one if isinstance(one, bytes) else one.encode() for one in self.out))
        self.out.clear()

    def __getattr__(self, name):
        return getattr(self.line, name)


class Maildrop:
    """mail: [(uidl, bytes)]. caps: of CAPA, None = it knows none. refuse: {command: "-ERR ..."}.
    answer(line, words) -> True where it answered itself. A TOP of all lines counts as RETR, unless
    tells_apart."""

    tells_apart = False

    def __init__(self, mail, caps=CAPS, refuse=None, answer=None, sizes=None):
        self.mail, self.caps, self.refuse = list(mail), caps, dict(refuse or {})
        self.answer, self.sizes = answer, sizes or {}
        self.sessions = 0
        self.forget()

    def forget(self):
        self.said = []           # commands, of all sessions
        self.turns = []          # a list a session: the commands that each turn brought

    def count(self, command):
        return sum(one.split(" ")[0] == command for one in self.said)

    def turns_after_login(self):
        """Of the last session: turns behind the one that brought the password."""
        turns = self.turns[-1]
        login = max(i for i, turn in enumerate(turns) if any(c.startswith("PASS") for c in turn))
        return turns[login + 1:]

    # --- one session ------------------------------------------------------------------------------

    def __call__(self, line):
        self.sessions += 1
        self.turns.append([])
        self.deleted, out = set(), ["+OK ready\r\n"]
        while True:
            if b"\n" not in line.pending:
                line.send(b"".join(one if isinstance(one, bytes) else one.encode() for one in out))
                out.clear()
                self.turns[-1].append([])
            words = line.line().split(" ")
            if words[0] == "TOP" and words[2] != "0" and not self.tells_apart:
                words = ["RETR", words[1]]  # what it is, but for the mark
            self.said.append(" ".join(words))
            self.turns[-1][-1].append(" ".join(words))
            command = words[0].upper()
            if self.answer is not None and self.answers(line, words, out):
                continue
            if command in self.refuse:
                out.append(self.refuse[command] + "\r\n")
                continue
            out.append(getattr(self, "do_" + command.lower(), self.do_unknown)(words))
            if command == "QUIT":
                line.send(b"".join(one if isinstance(one, bytes) else one.encode() for one in out))
                return

    def answers(self, line, words, out):
        """What stands ready goes first where the session is ended or answered by hand."""
        try:
            mine = self.answer(words=words, line=Ready(line, out))
        except EOFError:
            line.send(b"".join(one if isinstance(one, bytes) else one.encode() for one in out))
            raise
        return mine

    def live(self):
        return [(i + 1, uidl, text) for i, (uidl, text) in enumerate(self.mail) if i + 1 not in self.deleted]

    def do_unknown(self, words):
        return "-ERR no such command\r\n"

    def do_noop(self, words):
        return "+OK\r\n"

    do_user = do_pass = do_noop

    def do_capa(self, words):
        if self.caps is None:
            return "-ERR what\r\n"
        return "+OK\r\n" + "".join(one + "\r\n" for one in self.caps) + ".\r\n"

    def do_stat(self, words):
        return f"+OK {len(self.live())} {sum(len(text) for _, _, text in self.live())}\r\n"

    def do_uidl(self, words):
        if len(words) > 1:
            return f"+OK {words[1]} {self.mail[int(words[1]) - 1][0]}\r\n"
        return "+OK\r\n" + "".join(f"{i} {uidl}\r\n" for i, uidl, _ in self.live()) + ".\r\n"

    def do_list(self, words):
        return "+OK\r\n" + "".join(f"{i} {self.sizes.get(i, len(text))}\r\n"
                                   for i, _, text in self.live()) + ".\r\n"

    def stuffed(self, text):
        body = b"\r\n".join(b"." + one if one.startswith(b".") else one for one in text.split(b"\r\n"))
        return b"+OK\r\n" + body + (b"" if body.endswith(b"\r\n") or not body else b"\r\n") + b".\r\n"

    def do_retr(self, words):
        return self.stuffed(self.mail[int(words[1]) - 1][1])

    def do_top(self, words):
        return self.stuffed(self.mail[int(words[1]) - 1][1].split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n")

    def do_dele(self, words):
        self.deleted.add(int(words[1]))
        return "+OK\r\n"

    def do_quit(self, words):
        self.mail = [one for i, one in enumerate(self.mail) if i + 1 not in self.deleted]
        return "+OK\r\n"
