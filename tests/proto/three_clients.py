#!/usr/bin/env python3
"""Three clients at once on one account: two buzons, each with what it keeps, and another program. They
file and mark at random; then each message is on the server exactly once, and both buzons list what the
server has. --actions 2000 for a long run."""

import argparse
import collections
import random
import re
import threading

import imap_actions as actions
from imap_actions import MAIL, Desk, letter
from changing import Device, difference, listed
import tap
from tap import test

ACTIONS, LETTERS = 60, 120
FOLDERS = ("INBOX", "Work", "Archive")
BITS = (1, 2, 4)  # of bz_flag: what two clients may both set


class Client(threading.Thread):
    """Takes its turns until all are done."""

    def __init__(self, turns, seed):
        super().__init__(daemon=True)
        self.turns, self.random, self.did, self.failed = turns, random.Random(seed), collections.Counter(), []

    def run(self):
        try:
            for _ in range(self.turns):
                self.act(self.random.choice(FOLDERS))
        except Exception as why:
            self.failed.append(repr(why))

    def other_than(self, folder):
        return self.random.choice([one for one in FOLDERS if one != folder])


class Buzon(Client):
    """Files and marks as its worker does, a process an action."""

    def __init__(self, desk, home, turns, seed):
        super().__init__(turns, seed)
        self.desk, self.home = desk, home

    def act(self, folder):
        n = str(self.random.randint(1, 4))
        words = ("move", folder, n, self.other_than(folder))
        if self.random.random() < 0.4:
            words = ("flags", folder, n, str(self.random.choice(BITS)), "0")
        done = self.desk.drive(*words, home=self.home)
        self.did[words[0]] += 1
        if done.returncode not in (actions.OK, actions.STALE):
            self.failed.append((words, done))


class Other(Client):
    """Another program, by plain IMAP."""

    def __init__(self, server, turns, seed):
        super().__init__(turns, seed)
        self.devices = {folder: Device(server, seed, folder) for folder in FOLDERS}
        self.added = []

    def act(self, folder):
        device = self.devices[folder]
        if self.random.random() < 0.3:
            self.added.append(LETTERS + len(self.added) + 1)
            device.line.append(folder, None, None, letter(self.added[-1]).replace(b"\n", b"\r\n"))
            self.did["add"] += 1
        elif self.random.random() < 0.5:
            device.mark(5)
            self.did["mark"] += 1
        elif some := device.some(3):
            device.line.uid("MOVE", some, self.other_than(folder))
            self.did["move"] += 1


def names(line, folder):
    line.select(folder, readonly=True)
    data = line.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
    return [int(m[1]) for item in data if isinstance(item, tuple)
            for m in [re.search(rb"<l(\d+)@", item[1])]]


def check(turns, seed):
    mail = {**MAIL, "INBOX": [letter(i) for i in range(1, LETTERS + 1)], "Work": []}
    with Desk(mail) as desk, desk.another_home() as second:
        clients = [Buzon(desk, desk.home, turns // 3, seed), Buzon(desk, second, turns // 3, seed + 1),
                   Other(desk.server, turns // 3, seed + 2)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        failed = [client.failed for client in clients if client.failed]
        test(f"{turns} actions of three clients (seed {seed}): {[dict(c.did) for c in clients]}", not failed, failed)
        there = collections.Counter(n for folder in FOLDERS for n in names(desk.other, folder))
        expected = set(range(1, LETTERS + 1)) | set(clients[2].added)
        test("each message is on the server exactly once",
             there == collections.Counter(expected), {n: there[n] for n in expected | set(there) if there[n] != 1})
        for number, home in enumerate((desk.home, second), 1):
            for folder in FOLDERS:
                want = Device(desk.server, seed, folder).state() if names(desk.other, folder) else {}
                done = home.run("list", f"Casa/{folder}", "--json")
                test(f"buzon {number} lists {folder} as it is", done.returncode == 0 and listed(done)[0] == want,
                     difference(listed(done)[0], want) if done.returncode == 0 else done)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--actions", type=int, default=ACTIONS)
    seed = tap.seed()
    print(f"# seed {seed} (BUZON_SEED)", flush=True)
    check(options.parse_args().actions, seed)
    tap.done()
