"""A scripted server on loopback, and buzon run against it. Every byte that buzon sends is kept.

    fake.py idle MANNER        an IMAP server with 3 messages; at the first IDLE it acts as IDLERS says
    fake.py search N           an IMAP server with N messages that lists the newest alone, and finds 3 and 5
    fake.py imap|pop N AFTER   a server with N messages that prints its port, gives AFTER answers to
                               FETCH or RETR and then stops itself (SIGSTOP), once; ends with stdin
"""

import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import dovecot  # noqa: E402

PASSWORD = "pass-w0rd-that-must-not-leak"
_program = pathlib.Path(os.environ.get("BUZON", os.devnull)).read_bytes()
SANITIZED = b"__asan_init" in _program or b"__tsan_init" in _program  # is slow, and comes first in memory
del _program
LIMIT = 120 if SANITIZED else 60  # seconds that no run of buzon may last


class Line:
    """One connection, from the server's side. Ends quietly when buzon goes away."""

    def __init__(self, sock, context):
        self.sock, self.context = sock, context
        self.got = b""      # everything received, decrypted
        self.clear = b""    # what of it came before TLS
        self.pending = b""
        self.tls = False

    def start_tls(self):
        self.sock = self.context.wrap_socket(self.sock, server_side=True)
        self.tls = True

    def send(self, data):
        if isinstance(data, str):
            data = data.encode()
        self.sock.sendall(data)

    def line(self):
        while b"\n" not in self.pending:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self.got += data
            if not self.tls:
                self.clear += data
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line.rstrip(b"\r").decode(errors="replace")

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


class Fake:
    """script(line) plays one connection. tls: from the first byte."""

    def __init__(self, script, tls=None, context=None):
        self.script, self.tls, self.context = script, tls, context
        self.lines = []

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(LIMIT)

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(LIMIT)
            line = Line(sock, self.context)
            self.lines.append(line)
            try:
                if self.tls:
                    line.start_tls()
                self.script(line)
            except (OSError, EOFError, ssl.SSLError):
                pass
            finally:
                try:
                    line.sock.close()
                except OSError:
                    pass

    @property
    def got(self):
        return b"".join(line.got for line in self.lines)


class Certificates:
    """One folder of certificates a kind, made when first asked for."""

    def __init__(self, folder):
        self.folder, self.made = pathlib.Path(folder), {}

    def get(self, kind, names=None):
        """Its context for a server, and the authority's file. names: see make_certificates."""
        if kind not in self.made:
            tls = self.folder / kind
            dovecot.make_certificates(dovecot.find_program("openssl"), tls, kind, names)
            context = self.context(kind)
            self.made[kind] = (context, tls / "ca.pem" if kind != "self-signed" else None)
        return self.made[kind]

    def context(self, kind):
        """Another context with that certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / kind / "server.pem", self.folder / kind / "server.key")
        return context


# Between us and buzon: a process begins with the memory of the one that it was forked from.
MEASURE = """
import os, signal, sys
tell, argv = int(sys.argv[1]), sys.argv[2:]
os.set_inheritable(tell, False)
pid = os.posix_spawn(argv[0], argv, os.environ)
signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
signal.alarm(%d)
_, status, usage = os.wait4(pid, 0)
os.write(tell, f"{usage.ru_maxrss} {usage.ru_utime} {usage.ru_stime}".encode())
code = os.waitstatus_to_exitcode(status)
sys.exit(code) if code >= 0 else os.kill(os.getpid(), -code)
"""


class Home:
    """A $HOME with a buzonrc of one account, "Casa"."""

    def __init__(self, protocol, port, security="none", ca=None, password=PASSWORD, user="ana",
                 host="localhost", more=""):
        self.folder = tempfile.TemporaryDirectory(prefix="bz-home-")
        self.path = pathlib.Path(self.folder.name)
        config = self.path / ".config" / "buzon"
        config.mkdir(parents=True)
        text = (f'[account "Casa"]\nprotocol = {protocol}\nserver = {host}:{port}\n'
                f"security = {security}\nuser = {user}\naddress = ana@example.org\n{more}")
        if password is not None:
            text += f"password = {password}\n"
        if ca is not None:
            text += f"tls-ca-file = {ca}\n"
        self.rc = config / "buzonrc"
        self.rc.write_text(text)
        self.rc.chmod(0o600)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def run(self, *argv, measure=False, extra=None, **more):
        """buzon's end. measure: with .usage, what getrusage says of it alone. extra: more environment."""
        env = {**(extra or {}), "HOME": str(self.path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}
        for name in ("BUZON_LOCALEDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        if measure:
            return self._measured(argv, env)
        return subprocess.run([os.environ["BUZON"], *argv], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=LIMIT, **more)

    def _measured(self, argv, env):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            told, tell = os.pipe()
            process = subprocess.Popen([sys.executable, "-S", "-c", MEASURE % LIMIT, str(tell), os.environ["BUZON"], *argv],
                                       env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, pass_fds=[tell])
            os.close(tell)
            with open(told) as words:
                usage = words.read().split()
            process.wait()
            out.seek(0)
            err.seek(0)
            done = subprocess.CompletedProcess(argv, process.returncode, out.read(), err.read())
        done.usage = types.SimpleNamespace(ru_maxrss=int(usage[0]), ru_utime=float(usage[1]),
                                           ru_stime=float(usage[2]))
        return done


def call(home, protocol):
    """The command that talks to the account's server."""
    return home.run("list", "Casa") if protocol == "imap" else home.run("fetch", "Casa")


def died(done):
    return done.returncode < 0 or done.returncode in (134, 139) or b"Sanitizer" in done.stderr


# --- servers that behave, to be bent -------------------------------------------------------------

HEADER = "From: Eva <eva@example.org>\r\nSubject: letter %d\r\nDate: Mon, 2 Nov 2020 10:00:00 +0000\r\n\r\n"


def imap_row(number):
    header = HEADER % number
    return (f"* {number} FETCH (UID {number} FLAGS () INTERNALDATE \" 2-Nov-2020 10:00:00 +0000\" "
            f"RFC822.SIZE 300 BODY[HEADER.FIELDS (DATE FROM TO SUBJECT MESSAGE-ID CONTENT-TYPE)] "
            f"{{{len(header)}}}\r\n{header})\r\n")


IMAP_SELECT = ("* FLAGS (\\Seen)\r\n* {n} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] ok\r\n"
               "* OK [UIDNEXT {next}] ok\r\n")


def asked(words, n):
    """The messages that FETCH names; all where it is no plain range."""
    span = re.match(r"(\d+):(\d+)$", words[2 + (words[1] == "UID")])
    return range(max(int(span[1]), 1), min(int(span[2]), n) + 1) if span else range(1, n + 1)


def imap(before=None, n=3, greeting="* OK [CAPABILITY IMAP4rev1] ready\r\n", answer=None):
    """A small IMAP server. before(line, command, words) -> text sent ahead of the usual answer;
    answer(line, tag, words) -> True where it answered itself."""

    def script(line):
        if greeting:
            line.send(greeting)
        while True:
            words = line.line().split(" ")
            tag, command = words[0], words[1].upper() if len(words) > 1 else ""
            if answer is not None and answer(line, tag, words):
                continue
            if before is not None:
                line.send(before(line, command, words) or "")
            if command == "EXAMINE" or command == "SELECT":
                line.send(IMAP_SELECT.format(n=n, next=n + 1))
            elif command == "FETCH" or words[1:3] == ["UID", "FETCH"]:
                line.send("".join(imap_row(i) for i in asked(words, n)))
            elif command == "LIST":
                line.send('* LIST () "/" INBOX\r\n')
            elif command == "CAPABILITY":
                line.send("* CAPABILITY IMAP4rev1\r\n")
            line.send(f"{tag} OK done\r\n")

    return script


def pop(n=3, greeting="+OK ready\r\n", answer=None):
    """A small POP3 server."""

    def script(line):
        if greeting:
            line.send(greeting)
        while True:
            words = line.line().split(" ")
            command = words[0].upper()
            if answer is not None and answer(line, words):
                continue
            if command == "CAPA":
                line.send("+OK\r\nUSER\r\nUIDL\r\n.\r\n")
            elif command == "UIDL":
                line.send("+OK\r\n" + "".join(f"{i} uid{i}\r\n" for i in range(1, n + 1)) + ".\r\n")
            elif command == "LIST":
                line.send("+OK\r\n" + "".join(f"{i} 200\r\n" for i in range(1, n + 1)) + ".\r\n")
            elif command == "RETR":
                line.send("+OK\r\n" + HEADER % int(words[1]) + "hello\r\n.\r\n")
            else:
                line.send("+OK\r\n")
            if command == "QUIT":
                return

    return script


# --- as a program ----------------------------------------------------------------------------------


def flood(line):
    while True:
        line.send("".join(f"* {i % 3 + 1} FETCH (FLAGS (\\Seen))\r\n" for i in range(20)) + f"* OK {'x' * 200000}\r\n")


def mute(line):
    while True:
        line.line()


def bye(line):
    line.send("* BYE going down for a minute\r\n")
    mute(line)  # the line stays


# What a server does once it has said "+ idling".
IDLERS = {
    "bye": bye,
    "close": lambda line: line.sock.close(),
    "reset": lambda line: line.reset(),
    "mute": mute,
    "flood": flood,
    "many": lambda line: line.send("* 4294967295 EXISTS\r\n"),
    "renumber": lambda line: line.send("* OK [UIDVALIDITY 8] new numbers\r\n"),
    "none": lambda line: line.send("* 9 EXPUNGE\r\n* 0 EXPUNGE\r\n* 4 EXISTS\r\n"),
    "half": lambda line: line.send("* 4 EXI"),
}


def idle(manner):
    once = []

    def answer(line, tag, words):
        if words[1:2] != ["IDLE"]:
            return False
        line.send("+ idling\r\n")
        if not once:
            once.append(manner)
            IDLERS[manner](line)
        while line.line() != "DONE":
            pass
        line.send(f"{tag} OK idled\r\n")
        return True

    return imap(greeting="* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n", answer=answer)


def search(n):
    def answer(line, tag, words):
        if words[1:3] == ["UID", "SEARCH"]:
            line.send(f"* SEARCH 3 5\r\n{tag} OK found\r\n")
        elif words[1:2] == ["FETCH"] and words[2].startswith("1:"):
            line.send(f"{tag} NO not now\r\n")
        else:
            return False
        return True

    return imap(n=n, answer=answer)


def main(protocol, n, after):
    answers = 0

    def stop_once(line, *words):
        nonlocal answers
        if {"FETCH", "RETR"} & set(words[-1]):
            answers += 1
            if answers == after + 1:
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        return False

    script = (imap if protocol == "imap" else pop)(n=n, answer=stop_once)
    serve(script)


def serve(script):
    with Fake(script) as server:
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1] == "idle":
        serve(idle(sys.argv[2]))
    elif sys.argv[1] == "search":
        serve(search(int(sys.argv[2])))
    else:
        main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
