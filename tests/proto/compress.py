#!/usr/bin/env python3
"""COMPRESS=DEFLATE (RFC 4978): a real Dovecot behind a relay that counts and listens, and scripted servers
that compress well, badly, and with intent. It comes behind the first rows, and never with anything written
behind it; what goes wrong in it ends the connection with a sentence, in bounded memory."""

import pathlib
import random
import re
import socket
import sys
import threading
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
from changing import Device, listed  # noqa: E402
from dovecot import Dovecot, Missing  # noqa: E402
from drip import Screen  # noqa: E402
from fake import LIMIT, SANITIZED, Fake, Home, died, imap  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

PLUGIN = "protocol imap {\n  mail_plugins = $mail_plugins imap_zlib\n}\n"
GREETING = "* OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] ready\r\n"
MESSAGES = 3000
ROWS = 900   # more than a window: something is left for the background
PROTO = 76


# --- a real server -------------------------------------------------------------------------------


class Wire(Fake):
    """To Dovecot's port in clear; what passes is kept, as it passes."""

    def __init__(self, port):
        super().__init__(self.relay)
        self.target, self.up, self.down = port, b"", 0

    def relay(self, line):
        with socket.create_connection(("127.0.0.1", self.target)) as server:

            def down():
                try:
                    while data := server.recv(65536):
                        self.down += len(data)
                        line.send(data)
                except OSError:
                    pass

            thread = threading.Thread(target=down, daemon=True)
            thread.start()
            try:
                while data := line.sock.recv(65536):
                    self.up += data
                    server.sendall(data)
            finally:
                server.shutdown(socket.SHUT_RDWR)
                thread.join(LIMIT)

    def commands(self):
        """What of it is in clear."""
        return re.findall(rb"^B\d+ (.*?)\r\n", self.up, re.M)


def letter(i, body=b"hello\n"):
    return (b"From: Eva Example <eva@example.org>\nTo: Ana <ana@example.org>\nSubject: letter %d\n"
            b"Date: Mon, 2 Nov 2020 10:00:00 +0000\nMessage-ID: <l%d@mail.example.org>\n\n%s" % (i, i, body))


def fill(config):
    mail = {"ana": {"INBOX": [letter(i) for i in range(1, MESSAGES + 1)]}}
    with Dovecot(mail=mail, config=config) as server, Wire(server.ports["imap"]) as wire, \
            Home("imap", wire.port, password="secret") as home:
        done = home.run("list", "Casa", "--json")
        return done, wire.down, wire.commands()


def check_bytes():
    plain, much, clear = fill("")
    packed, little, seen = fill(PLUGIN)
    print(f"# {MESSAGES} messages: {much} bytes, compressed {little}")
    test("without COMPRESS=DEFLATE it is not asked for", plain.returncode == 0 and b"COMPRESS DEFLATE" not in clear, clear)
    test("with it the same is listed", packed.returncode == 0 and len(listed(packed)[0]) == MESSAGES and
         listed(packed) == listed(plain), packed.stderr)
    test("a folder filled moves a fraction of the bytes", little * 4 < much, (little, much))
    rows = next(i for i, c in enumerate(seen) if c.startswith(b"FETCH "))
    test("it is asked for behind the first rows, and is the last word in clear",
         seen.count(b"COMPRESS DEFLATE") == 1 and rows < len(seen) - 1 and seen[-1] == b"COMPRESS DEFLATE", seen)


def large():
    choose = random.Random(tap.seed())
    lines = [bytes(choose.choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=70)) for _ in range(30000)]
    return letter(77, b"\n".join(lines) + b"\nthe very end of it\n")


def check_screen():
    mail = {"ana": {"INBOX": [letter(i) for i in range(1, 60)] + [large()]}}
    with Dovecot(mail=mail, config=PLUGIN) as server, Wire(server.ports["imap"]) as wire, \
            Home("imap", wire.port, password="secret") as home:
        device, screen = Device(server, 1), Screen(home)
        said = [screen.wait(b"letter 77"), screen.wait(b"online")]
        device.line.append("INBOX", None, None, letter(0).replace(b"letter 0", b"quite new").replace(b"\n", b"\r\n"))
        test("IDLE: what arrives shows", all(said) and screen.wait(b"quite new"), screen.seen[-1500:])
        seen = wire.commands()
        test("and it is said inside the compression", seen[-1] == b"COMPRESS DEFLATE" and b"IDLE" not in seen, seen)
        before = wire.down
        screen.type(b"\r")
        test("a large message opens", screen.wait(b"letter 77") or screen.wait(b"From"), screen.seen[-1500:])
        screen.type(b"\x1bOF")
        test("and is there whole", screen.wait(b"the very end of it"), screen.seen[-1500:])
        test("it came compressed", 1000000 < wire.down - before < 1900000, wire.down - before)
        screen.type(b"qq")
        test("q leaves", screen.exit() == 0)


# --- scripted servers ----------------------------------------------------------------------------


class Packed:
    """A socket's other side of the compression."""

    def __init__(self, sock):
        self.sock, self.deflate = sock, zlib.compressobj(6, zlib.DEFLATED, -15)
        self.inflate = zlib.decompressobj(-15)

    def recv(self, n):
        data = b""
        while not data and (raw := self.sock.recv(n)):
            data = self.inflate.decompress(raw)
        return data

    def pack(self, data, flush=zlib.Z_SYNC_FLUSH):
        return self.deflate.compress(data) + self.deflate.flush(flush)

    def sendall(self, data):
        self.sock.sendall(self.pack(data))

    def close(self):
        self.sock.close()


def well(line, tag):
    line.sock = Packed(line.sock)


def in_one(line, tag):
    """What comes behind OK comes with it."""
    line.sock = Packed(line.sock)
    return line.sock.pack(b"* OK [ALERT] compressed\r\n")


def bomb(line, tag):
    line.sock = packed = Packed(line.sock)
    piece = packed.pack(b"* OK\r\n" * 200000)

    def swell():
        packed.sock.sendall(piece)
        while True:  # a gigabyte and on
            packed.sock.sendall(packed.pack(b"* OK\r\n" * 200000))
    line.then = swell


def later(make):
    """Well for one command, then this in place of the answer."""
    def play(line, tag):
        line.sock = packed = Packed(line.sock)
        line.then = lambda: packed.sock.sendall(make(packed))
    return play


def damaged(packed):
    return packed.pack(b"* OK\r\n") + b"\x07" * 100


def ended(packed):
    end = packed.pack(b"* OK\r\n", zlib.Z_FINISH) + b"* OK in clear again\r\n"
    packed.deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    return end


def nothing(packed):
    return b"\0\0\0\xff\xff" * 40000


def planted(line, tag):
    line.sock = Packed(line.sock)
    return b"* 5 EXISTS\r\n"


def cut(line, tag):
    line.sock = Packed(line.sock)
    line.then = line.sock.close


class Server:
    """play(line, tag) -> bytes to send with OK: how it goes on; refuse: a word in place of OK."""

    def __init__(self, play=None, refuse=None, rows=ROWS, greeting=GREETING):
        self.play, self.refuse = play, refuse
        self.commands, self.ahead = [], []
        self.fake = Fake(imap(n=rows, greeting=greeting, answer=self.answer))

    def answer(self, line, tag, words):
        self.commands.append(words[1])
        then = getattr(line, "then", None)
        if then is not None:
            line.then = None
            then()
            return False
        if words[1] != "COMPRESS":
            return False
        self.ahead.append(line.pending)
        if self.refuse:
            line.send(f"{tag} {self.refuse} not now\r\n")
            return True
        sock = line.sock
        sock.sendall(f"{tag} OK go\r\n".encode() + (self.play(line, tag) or b""))
        return True

    def __enter__(self):
        self.fake.__enter__()
        return self

    def __exit__(self, *_):
        self.fake.__exit__()

    @property
    def port(self):
        return self.fake.port


def usual():
    with Server(greeting="* OK [CAPABILITY IMAP4rev1] ready\r\n") as server, Home("imap", server.port) as home:
        done = home.run("list", "Casa", "--json", measure=True)
        test("not offered: not asked for", done.returncode == 0 and "COMPRESS" not in server.commands, done)
        return len(listed(done)[0]), done.usage.ru_maxrss


def check_good(count):
    for name, more in (("compressed", {"play": well}), ("with words behind OK in the same piece", {"play": in_one}),
                       ("refused with NO", {"refuse": "NO"}), ("refused with BAD", {"refuse": "BAD"})):
        with Server(**more) as server, Home("imap", server.port) as home:
            done = home.run("list", "Casa", "--json")
            test(f"{name}: all of it is listed", done.returncode == 0 and len(listed(done)[0]) == count, done)
            test(f"{name}: asked once, behind the first rows, and nothing written behind it",
                 server.commands.count("COMPRESS") == 1 and server.ahead == [b""] and
                 "FETCH" in server.commands[:server.commands.index("COMPRESS")], (server.commands, server.ahead))


def check_bad(memory):
    for name, play, words in (
            ("a bomb", bomb, b"swell"), ("damaged data", later(damaged), b"damaged"),
            ("an end of the data", later(ended), b"ended the compression"),
            ("blocks of nothing", later(nothing), b"damaged"), ("clear text behind OK", planted, b"damaged")):
        with Server(play) as server, Home("imap", server.port) as home:
            done = home.run("list", "Casa", measure=True)
            test(f"{name}: ends the connection, with a sentence", done.returncode == PROTO and words in done.stderr, done)
            test(f"{name}: in bounded memory", SANITIZED or done.usage.ru_maxrss < memory + 16000,
                 (done.usage.ru_maxrss, memory))
    with Server(cut) as server, Home("imap", server.port) as home:
        done = home.run("list", "Casa")
        test("a line cut in the compression: as one cut without", done.returncode == 75 and not died(done), done)


def check_again():
    """Who compresses badly is not asked again."""
    with Server(later(damaged)) as server, Home("imap", server.port) as home:
        screen = Screen(home)
        said = [screen.wait(b"letter 900"), screen.wait(b"damaged")]
        screen.type(b"$")
        said.append(screen.wait(b"online"))
        test("after a failure the next connection works without", all(said) and
             server.commands.count("COMPRESS") == 1 and server.commands.count("LOGIN") == 2,
             (said, server.commands, screen.seen[-1500:]))
        screen.type(b"q")
        test("and q leaves", screen.exit() == 0)


def main():
    count, memory = usual()
    check_good(count)
    check_bad(memory)
    check_again()
    try:
        check_bytes()
        check_screen()
    except Missing as why:
        print(f"# {why}")
    tap.done()


if __name__ == "__main__":
    main()
