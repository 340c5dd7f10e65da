#!/usr/bin/env python3
"""Killed at every system call, and in the midst of every write: after the next run each message is there
once. Figures at the end; a sample in make check, all in make fault."""

from faults import ALL, Outcome, SEED, count_of, sample
from scenarios import start, try_scenarios

POINTS = 1000  # of a sample


def env(mode, **more):
    return {"FAULT_DO": mode, **({"FAULT_ALL": "1"} if ALL and mode == "kill" else {}), **more}


def count(path, drop, scenario, mode):
    """How many calls a run without a fault makes; as points of an Outcome."""
    home, words = start(path, drop, scenario)
    counter = path.parent / "count"
    first = home.under_shim(*words, **env(mode, FAULT_COUNT=str(counter)))
    out = scenario.judge(home, True)
    out.points = count_of(counter)
    if first.returncode != 0:
        out.wrong.append(f"ended with {first.returncode}: {first.stderr}")
    return out


def kill(path, drop, scenario, mode, at, ask):
    home, words = start(path, drop, scenario)
    home.under_shim(*words, **env(mode, FAULT_AT=str(at)))
    again = home.run(*scenario.words(home, True))
    out = scenario.judge(home, ask)
    if again.returncode not in scenario.ends:
        out.wrong.append(f"then ended with {again.returncode}: {again.stderr}")
    out.wrong = [f"{scenario.name}, {mode} at {at}: {one}" for one in out.wrong]
    return out


def try_all(points, scenario, room):
    mine = Outcome()
    for mode, share in (("kill", 0.7), ("torn", 0.3)):
        clean = points.run(count, [(scenario, mode)])
        calls, clean.points = clean.points, 0
        mine.add(clean)
        at = sample(range(1, calls + 1), int(room * share), SEED)
        mine.add(points.run(kill, [(scenario, mode, n, ALL or n % 8 == 0) for n in at]))
    return mine


if __name__ == "__main__":
    try_scenarios("kill", try_all, POINTS)
