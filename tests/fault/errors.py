#!/usr/bin/env python3
"""Each system call fails: EIO, ENOSPC, EDQUOT, EINTR, a short one. The program ends with a sentence and a
code, or goes on; nothing goes from the server that is not here; the next run completes what is missing."""

from faults import ALL, CODES, Outcome, SEED, count_of, digests, sample, verify
from scenarios import start, try_scenarios

POINTS = 500  # of a sample
# mode, does it last, share
WAYS = [("eio", False, 0.3), ("eio", True, 0.1), ("enospc", True, 0.25), ("edquot", False, 0.15),
        ("eintr", False, 0.1), ("short", False, 0.1)]


def env(mode, lasts, **more):
    return {"FAULT_DO": mode, **({"FAULT_STICKY": "1"} if lasts else {}), **more}


def count(path, drop, scenario, mode):
    """How many calls can fail so, as points of an Outcome."""
    home, words = start(path, drop, scenario)
    counter = path.parent / "count"
    home.under_shim(*words, FAULT_DO=mode, FAULT_COUNT=str(counter))
    return Outcome(count_of(counter))


def watch_deletions(home, drop, wrong):
    """At each DELE the message must stand whole in a file here."""
    digest_of = {uidl: next(iter(digests([(uidl, data)]))) for uidl, data, _ in drop.letters}

    def watch(uidl):
        here = {one.digest for box in home.mail.rglob("*.mbox") for one in verify.letters(box)}
        if digest_of[uidl] not in here:
            wrong.append(f"DELE of {uidl}, which is not here")
    drop.watch = watch


def is_told(run):
    return run.returncode == 0 or (run.returncode in CODES and "buzon: " in run.stderr)


def fail(path, drop, scenario, mode, lasts, at):
    home, words = start(path, drop, scenario)
    wrong = []
    watch_deletions(home, drop, wrong)
    first = home.under_shim(*words, **env(mode, lasts, FAULT_AT=str(at)))
    drop.watch = None
    if not is_told(first):
        wrong.append(f"ended with {first.returncode}: {first.stderr or 'without a word'}")
    if first.returncode == 0:  # what is told as done is done; a lock that could not go may wait
        told = scenario.judge(home, False)
        wrong += told.wrong if told.lost or told.doubled else []
    again = home.run(*scenario.words(home, True))
    out = scenario.judge(home, ALL or at % 8 == 0)
    if again.returncode not in scenario.ends:
        wrong.append(f"then ended with {again.returncode}: {again.stderr}")
    out.wrong = [f"{scenario.name}, {mode} {'from' if lasts else 'at'} {at}: {one}"
                 for one in wrong + out.wrong]
    return out


def try_all(points, scenario, room):
    mine = Outcome()
    for mode, lasts, share in WAYS:
        calls = points.one(count, (scenario, mode)).points
        mine.add(points.run(fail, [(scenario, mode, lasts, at)
                                   for at in sample(range(1, calls + 1), int(room * share), SEED)]))
    return mine


if __name__ == "__main__":
    try_scenarios("errors", try_all, POINTS)
