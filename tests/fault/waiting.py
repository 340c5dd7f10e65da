#!/usr/bin/env python3
"""Changes that waited for the line, made on a real Dovecot by a run that is killed at each of its system
calls on the disk: after the next run each was made once, and no message is lost or doubled."""

import pathlib
import random
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "proto"))
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
from faults import ALL, SEED, SHIM, count_of, done, skip_unless_possible  # noqa: E402
from imap_actions import DRIVE, EXTENSIONS, LIMIT, Desk  # noqa: E402
from waiting_errand import TWO, Errand  # noqa: E402
from dovecot import Dovecot, Missing  # noqa: E402

SAMPLE = 12  # points of each


def replay(desk, **fault):
    """Its exit code, under the shim."""
    env = desk.environment(LD_PRELOAD=str(SHIM), FAULT_UNDER=str(desk.home.path), FAULT_DO="kill", **fault)
    return subprocess.run([DRIVE, "replay"], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=LIMIT).returncode


def points_of(desk):
    counter = desk.home.path / "count"
    counter.write_bytes(bytes(8))
    errand = Errand(desk)
    code = replay(desk, FAULT_COUNT=str(counter))
    n = count_of(counter)
    errand.check("not killed", code, cut=False)
    return range(1, n + 1)


def check(name, capability):
    with Desk(TWO, capability) as desk:
        points = points_of(desk)
        chosen = points if ALL else sorted(random.sample(points, min(SAMPLE, len(points))))
        for at in chosen:
            errand = Errand(desk)
            code = replay(desk, FAULT_AT=str(at))
            errand.check(f"{name}: killed at system call {at} of {len(points)}", code, cut=False)


def main():
    skip_unless_possible()
    try:
        Dovecot().start().stop()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    print(f"# seed {SEED} (BUZON_SEED)")
    for name in ("all extensions", "no MOVE"):
        check(name, EXTENSIONS[name])
    done()


if __name__ == "__main__":
    main()
