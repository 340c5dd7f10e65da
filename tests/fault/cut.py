#!/usr/bin/env python3
"""The line is cut after any byte, of what the server says or of what it hears: after the next run each
message is here once. A sample in make check, every byte in make fault; some behind TLS from Dovecot."""

import random
import socket
import threading

from faults import (Home, Outcome, Points, SEED, done, judge, letter, name, sample, skip_unless_possible,
                    test)
from scenarios import ALWAYS_DELETED, NEVER_DELETED
from dovecot import Dovecot, Missing

LETTERS, POINTS, BEHIND_TLS = 20, 160, 24


def mail():
    """Small ones: every byte is a point."""
    return [(f"uidl-{i}", letter(i, b".line %d\n" % i)) for i in range(1, LETTERS + 1)]


def expected():
    return [name(i) for i in range(1, LETTERS + 1)]


def finish(home, policy, where, first, more=()):
    """What the run after the cut must have made good."""
    again = home.run("fetch")
    out = judge(home, expected(), mail(), False)
    out.wrong += more
    if first.returncode not in (0, 69, 75, 76) or (first.returncode != 0 and "buzon: " not in first.stderr):
        out.wrong.append(f"ended with {first.returncode}: {first.stderr}")
    if again.returncode != 0:
        out.wrong.append(f"then ended with {again.returncode}: {again.stderr}")
    out.wrong = [f"{policy.strip()}, {where}: {one}" for one in out.wrong]
    return out


def cut(path, drop, policy, way, at):
    home = Home(path, drop.port, policy)
    drop.reset(mail(), cut=(way, at))
    return finish(home, policy, f"{way} after {at}", home.run("fetch"))


def lengths(path, drop, policy):
    """How many bytes a whole session has; (down, up) as .found of an Outcome."""
    home = Home(path, drop.port, policy)
    drop.reset(mail())
    home.run("fetch")
    out = judge(home, expected(), mail(), False)
    out.points, out.found = 0, (drop.sent, drop.received)
    return out


# --- behind TLS --------------------------------------------------------------------------------------


class Cutter:
    """Before a server: the first connection is cut after so many bytes of one direction."""

    def __init__(self, port):
        self.to, self.cut = port, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.to))
            (way, left), self.cut = self.cut or ("", 0), None
            self.passed = {"down": 0, "up": 0}
            for name_, a, b in (("up", near, far), ("down", far, near)):
                threading.Thread(target=self._pass, daemon=True,
                                 args=(name_, a, b, left if way == name_ else None)).start()

    def _pass(self, way, source, target, left):
        try:
            while left != 0:
                data = source.recv(min(left or 65536, 65536))
                target.sendall(data)
                self.passed[way] += len(data)
                left = None if left is None else left - len(data)
                if not data:
                    break
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def behind_tls(path, drop, port, ca, way, share):
    """share: of the bytes of a whole session."""
    cutter = Cutter(port)
    home = Home(path, cutter.port, NEVER_DELETED, ca)
    home.run("fetch")
    at = int(cutter.passed[way] * share)
    home = Home(path.parent / "second", cutter.port, NEVER_DELETED, ca)
    cutter.cut = (way, at)
    return finish(home, "TLS", f"{way} after {at}", home.run("fetch"))


def from_dovecot(points):
    choose = random.Random(SEED)
    try:
        server = Dovecot(mail={"ana": {"INBOX": [data for _, data in mail()]}})
        server.start()
    except Missing as why:
        print(f"# {why}")
        return Outcome()
    try:
        return points.run(behind_tls, [(server.ports["pop3s"], server.ca_file, way, choose.random())
                                       for way in ("down", "up") for _ in range(BEHIND_TLS // 2)])
    finally:
        server.stop()


def main():
    skip_unless_possible()
    print(f"# seed {SEED} (BUZON_SEED)")
    with Points() as points:
        total = Outcome()
        for policy in (NEVER_DELETED, ALWAYS_DELETED):
            mine = points.one(lengths, (policy,))
            for way, length in zip(("down", "up"), mine.found):
                mine.add(points.run(cut, [(policy, way, at)
                                          for at in sample(range(length), POINTS // 4, SEED)]))
            test(f"cut, {policy.strip()}: {mine}", mine.good, "\n".join(mine.wrong))
            total.add(mine)
        mine = from_dovecot(points)
        test(f"cut behind TLS: {mine}", mine.good, "\n".join(mine.wrong))
        total.add(mine)
        print(f"# cut: {total}, {points.seconds():.0f} s")
    done()


if __name__ == "__main__":
    main()
