"""A POP3 server with a memory: what was deleted stays deleted, and a line may be cut after any byte."""

import socket
import threading

LIMIT = 30  # seconds without a word


class Maildrop:
    """letters: (uidl, bytes with LF) each. cut: ("down" or "up", bytes) after which the next
    connection is cut, once. watch(uidl): called at each DELE, before the answer."""

    def __init__(self, letters=(), capabilities=("USER", "UIDL", "TOP", "PIPELINING")):
        self.capabilities = capabilities
        self.reset(letters)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def reset(self, letters, cut=None, watch=None):
        """As on its first day."""
        self.letters = [(uidl, data, data.replace(b"\n", b"\r\n")) for uidl, data in letters]
        self.cut, self.watch = cut, watch
        self.sent = self.received = 0  # bytes of the last connection
        self.said = []                 # commands of all connections
        self.open = 0

    def close(self):
        self.listener.close()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(LIMIT)
            threading.Thread(target=self._play, args=(Session(self, sock),), daemon=True).start()

    def _play(self, session):
        self.open += 1
        try:
            session.play()
        except OSError:
            pass
        finally:
            session.sock.close()
            self.open -= 1


class Session:
    def __init__(self, drop, sock):
        self.drop, self.sock = drop, sock
        self.mail = list(drop.letters)  # as it was at login, whatever others delete
        self.gone = set()
        self.cut, drop.cut = drop.cut or ("", 0), None
        drop.sent = drop.received = 0

    def send(self, data):
        left = self.cut[1] - self.drop.sent if self.cut[0] == "down" else len(data)
        self.sock.sendall(data[:left])
        self.drop.sent += min(left, len(data))
        if left < len(data) or (self.cut[0] == "down" and left == 0):
            raise ConnectionError

    def receive(self):
        left = self.cut[1] - self.drop.received if self.cut[0] == "up" else 65536
        data = self.sock.recv(left) if left > 0 else b""
        if not data:
            raise ConnectionError
        self.drop.received += len(data)
        return data

    def play(self):
        pending, over = b"", False
        self.send(b"+OK ready\r\n")
        while not over:
            pending += self.receive()
            *lines, pending = pending.split(b"\n")
            answers = []
            for line in lines:
                words = line.decode(errors="replace").split()
                self.drop.said.append(" ".join(words))
                answers.append(self.answer(words[0].upper() if words else "", words[1:]))
                over = over or words[:1] == ["QUIT"]
            self.send(b"".join(answers))

    # --- commands ---

    def answer(self, command, args):
        known = getattr(self, "do_" + command.lower(), None)
        if known is None:
            return b"-ERR what?\r\n"
        try:
            return known(*args)
        except (TypeError, ValueError, IndexError):
            return b"-ERR no such message\r\n"

    def do_capa(self):
        return f"+OK\r\n{''.join(c + chr(13) + chr(10) for c in self.drop.capabilities)}.\r\n".encode()

    def do_user(self, name):
        return b"+OK\r\n"

    def do_pass(self, *words):
        return b"+OK\r\n"

    def do_noop(self):
        return b"+OK\r\n"

    def do_rset(self):
        self.gone.clear()
        return b"+OK\r\n"

    def here(self):
        return [(i, one) for i, one in enumerate(self.mail, 1) if i not in self.gone]

    def do_stat(self):
        here = self.here()
        return f"+OK {len(here)} {sum(len(one[2]) for _, one in here)}\r\n".encode()

    def listing(self, of, number):
        if number is not None:
            return f"+OK {number} {of(self.letter(number))}\r\n".encode()
        rows = "".join(f"{i} {of(one)}\r\n" for i, one in self.here())
        return f"+OK\r\n{rows}.\r\n".encode()

    def do_uidl(self, number=None):
        return self.listing(lambda one: one[0], number)

    def do_list(self, number=None):
        return self.listing(lambda one: len(one[2]), number)

    def letter(self, number):
        if int(number) < 1 or int(number) in self.gone:
            raise IndexError
        return self.mail[int(number) - 1]

    @staticmethod
    def dotted(data):
        data = (b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:]
        return b"+OK\r\n" + data + (b"" if data.endswith(b"\r\n") else b"\r\n") + b".\r\n"

    def do_retr(self, number):
        return self.dotted(self.letter(number)[2])

    def do_top(self, number, lines):
        head, _, body = self.letter(number)[2].partition(b"\r\n\r\n")
        return self.dotted(head + b"\r\n\r\n" + b"".join(
            line + b"\r\n" for line in body.split(b"\r\n")[:int(lines)]))

    def do_dele(self, number):
        uidl = self.letter(number)[0]
        if self.drop.watch is not None:
            self.drop.watch(uidl)
        self.gone.add(int(number))
        return b"+OK\r\n"

    def do_quit(self):
        names = {self.mail[i - 1][0] for i in self.gone}
        self.drop.letters = [one for one in self.drop.letters if one[0] not in names]
        return b"+OK bye\r\n"
