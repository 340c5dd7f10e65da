#!/usr/bin/env python3
"""Two of us at once, and no memory: a second buzon beside one that stands still or dies at any call; each
allocation fails in turn. Nothing is lost, nothing is there twice."""

import os
import random
import signal
import subprocess

from faults import (BUILD, LIMIT, Outcome, PART, Points, SEED, SHIM, count_of, done, sample,
                    skip_unless_possible, test)
from scenarios import start, prepared

PATIENCE = 15  # seconds
NO_MEMORY = BUILD / "tests/fault/nomem.so"
BESIDE, ALLOCATIONS = int(60 * PART), int(120 * PART)  # points of a sample


def count(path, drop, scenario, shim, mode):
    home, words = start(path, drop, scenario)
    counter = path.parent / "count"
    home.run(*words, LD_PRELOAD=str(shim), FAULT_UNDER=str(path), FAULT_DO=mode, FAULT_COUNT=str(counter))
    out = scenario.judge(home, True)
    out.points = count_of(counter)
    return out


def stopped_or_over(process):
    """Wait until it stands still; False where it ended instead."""
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return True
    process.returncode = os.waitstatus_to_exitcode(status)
    return False


def beside(path, drop, scenario, at, dies):
    """The first stands still before a call; a second comes; then the first goes on, or dies."""
    home, words = start(path, drop, scenario)
    wrong = []
    first = subprocess.Popen(home.argv(words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL,
                             env=home.env(LD_PRELOAD=str(SHIM), FAULT_UNDER=str(path), FAULT_DO="stop",
                                          FAULT_AT=str(at)))
    stands = stopped_or_over(first)
    second = home.run(*words)
    if second.returncode not in (0, 75) or (second.returncode and "buzon: " not in second.stderr):
        wrong.append(f"the second ended with {second.returncode}: {second.stderr}")
    if stands:
        first.send_signal(signal.SIGKILL if dies else signal.SIGCONT)
        first.wait(LIMIT)
    if first.returncode not in ((-9, 0) if dies else (0, 75)):
        wrong.append(f"the first ended with {first.returncode}")
    return finish(home, scenario, f"beside one that {'dies' if dies else 'stands'} at {at}", wrong)


def without_memory(path, drop, scenario, at, run):
    """GLib ends the program where it gets no memory; SQLite and OpenSSL tell. Neither may lose mail."""
    home, words = start(path, drop, scenario)
    try:
        home.run(*words, LD_PRELOAD=str(NO_MEMORY), FAULT_AT=str(at), FAULT_FOR=str(run), timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        pass  # killed: a thread of a library waits for what it could not get
    return finish(home, scenario, f"{run} allocations from {at} on", [])


def finish(home, scenario, where, wrong):
    again = home.run(*scenario.words(home, True))
    out = scenario.judge(home, False)
    if again.returncode not in scenario.ends:
        wrong.append(f"then ended with {again.returncode}: {again.stderr}")
    out.wrong = [f"{scenario.name}, {where}: {one}" for one in wrong + out.wrong]
    return out


def main():
    skip_unless_possible()
    print(f"# seed {SEED} (BUZON_SEED)")
    choose, total = random.Random(SEED), Outcome()
    with Points() as points:
        todo = prepared(points, ("fetch, forever", "fetch, none", "move", "compact"))
        for scenario in todo:
            mine = points.one(count, (scenario, SHIM, "stop"))
            calls, mine.points = mine.points, 0
            mine.add(points.run(beside, [(scenario, at, choose.random() < 0.5) for at in
                                         sample(range(1, calls + 1), BESIDE // len(todo), SEED)]))
            test(f"a second buzon, {scenario.name}: {mine}", mine.good, "\n".join(mine.wrong))
            total.add(mine)
            mine = points.one(count, (scenario, NO_MEMORY, ""))
            calls, mine.points = mine.points, 0
            mine.add(points.run(without_memory, [(scenario, at, choose.choice((1, 1, 50, 1 << 40))) for at in
                                                 sample(range(1, calls + 1), ALLOCATIONS // len(todo), SEED)]))
            test(f"no memory, {scenario.name}: {mine}", mine.good, "\n".join(mine.wrong))
            total.add(mine)
        print(f"# others: {total}, {points.seconds():.0f} s")
    done()


if __name__ == "__main__":
    main()
