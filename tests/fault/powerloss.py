#!/usr/bin/env python3
"""The power goes at any moment: of what no sync has made durable, any part may be there. buzon is run on
what is left, and each message is there once. Figures at the end."""

import hashlib
import random
import re
import shutil

from crash_model import History, Tree, WAYS, read_record, write_tree
from faults import ALL, PART, Home, Outcome, Points, SEED, done, skip_unless_possible, test
from scenarios import start, prepared

POINTS = 500  # of a sample
ROUNDS = 3    # of all ways at each call, for make fault

known = {}  # of this process: a scenario's name -> its History, and the states that were tried


def record(path, drop, scenario):
    """A History of this process' home; how long it is, as points of an Outcome."""
    home, words = start(path, drop, scenario)
    before, kept = Tree(path), path.parent / "record"
    kept.unlink(missing_ok=True)
    first = home.under_shim(*words, FAULT_RECORD=str(kept))
    out = scenario.judge(home, True)
    if first.returncode != 0:
        out.wrong.append(f"ended with {first.returncode}: {first.stderr}")
    known[scenario.name] = History(before, read_record(kept)), set()
    out.points = len(known[scenario.name][0].calls)
    return out


def left_on_server(mail, sent):
    """What a server has that received this."""
    lines = sent.decode(errors="replace").split("\r\n")
    if "QUIT" not in lines:
        return mail
    gone = {int(line.split()[1]) for line in lines if re.match(r"DELE \d+$", line)}
    return [one for i, one in enumerate(mail, 1) if i not in gone]


def after_loss(path, drop, scenario, n, way, seed):
    """An Outcome of no point where this state was tried before. Files keep their paths and numbers, for
    an intent names both; so each process has its own record."""
    if scenario.name not in known:
        record(path, drop, scenario)
        shutil.rmtree(path)
    history, tried = known[scenario.name]
    files = history.after(n, WAYS[way](random.Random(f"{seed} {n} {way}"))).contents()
    mail = left_on_server(scenario.mail, history.sent(n))
    mark = hashlib.sha256(repr((files, [uidl for uidl, _ in mail])).encode()).digest()
    if mark in tried:
        return Outcome()
    tried.add(mark)
    numbers = write_tree(files, path)
    drop.reset(mail)
    home = Home(path, drop.port, scenario.more)
    again = home.under_shim(*scenario.words(home, True), FAULT_INODES=numbers)
    out = scenario.judge(home, ALL)
    if again.returncode not in scenario.ends:
        out.wrong.append(f"ended with {again.returncode}: {again.stderr}")
    out.wrong = [f"{scenario.name}, {WAYS[way].__name__} before call {n} of {len(history.calls)}: {one}"
                 for one in out.wrong]
    return out


def states(scenario, calls, room):
    """What is to be tried; the end, where all was told as done, first."""
    choose = random.Random(SEED)
    if ALL:
        return [(scenario, n, way, SEED + turn) for turn in range(ROUNDS) for n in range(calls, -1, -1)
                for way in range(len(WAYS))]
    return [(scenario, calls, 0, SEED)] + [
        (scenario, choose.randrange(calls + 1), choose.randrange(len(WAYS)), SEED)
        for _ in range(int(room))]


def main():
    skip_unless_possible()
    print(f"# seed {SEED} (BUZON_SEED)")
    with Points() as points:
        todo, total = prepared(points), Outcome()
        room = PART * POINTS / sum(one.each for one in todo)
        for scenario in todo:
            mine = points.one(record, (scenario,))
            calls, mine.points = mine.points, 0
            mine.add(points.run(after_loss, states(scenario, calls, room * scenario.each)))
            test(f"{scenario.name}: {mine}", mine.good, "\n".join(mine.wrong))
            total.add(mine)
        print(f"# power loss: {total}, {points.seconds():.0f} s")
    done()


if __name__ == "__main__":
    main()
