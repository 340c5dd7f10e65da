#!/usr/bin/env python3
"""state.db and cache.db are damaged, cut short, of a newer buzon, locked by another program, or gone. The
mail stays as it is and can be read, nothing goes from the server that is not here, and where buzon cannot
go on it says so and leaves the file alone."""

import os
import random
import sqlite3

from errors import watch_deletions
from faults import (ALL, CODES, Outcome, Points, SEED, digests, done, letters, skip_unless_possible,
                    test, verify)
from scenarios import ALWAYS_DELETED, NEVER_DELETED, SCENARIOS, downloaded, start

POINTS = 60


# --- what happens to a file --------------------------------------------------------------------------


def flip(path, choose):
    with open(path, "r+b") as f:
        f.seek(choose.randrange(os.path.getsize(path)))
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 1 << choose.randrange(8)]))


def blank_page(path, choose):
    with open(path, "r+b") as f:
        f.seek(4096 * choose.randrange(os.path.getsize(path) // 4096))
        f.write(bytes(4096))


def noise(path, choose):
    with open(path, "r+b") as f:
        f.seek(4096 * choose.randrange(os.path.getsize(path) // 4096))
        f.write(choose.randbytes(4096))


def cut_short(path, choose):
    os.truncate(path, choose.randrange(os.path.getsize(path)))


def emptied(path, choose):
    os.truncate(path, 0)


def gone(path, choose):
    os.unlink(path)


def newer(path, choose):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def other_file(path, choose):
    path.write_bytes(b"this is no database\n" * 1000)


WAYS = [flip, flip, flip, blank_page, noise, cut_short, emptied, gone, newer, other_file]
REFUSED = (newer, other_file)  # state.db is left alone, for certain


# --- what must hold ----------------------------------------------------------------------------------


def copies(home):
    """How often each letter is here, whole; what stood in the files is never less."""
    whole = digests(letters())
    found = [one for box in home.mail.rglob("*.mbox") for one in verify.letters(box)]
    return {one.name for one in found if one.digest in whole}


def can_be_read(home):
    """The mbox itself, by buzon without an account."""
    listed = home.run("list", str(home.mail / "inbox.mbox"))
    return [] if listed.stdout.count("letter ") >= len(letters()) else [
        f"cannot be read: {listed.returncode} {listed.stderr}"]


def damage(path, drop, scenario, which, way, seed):
    """More letters come; and what is here may go from the server."""
    home, words = start(path, drop, scenario)
    target = home.mail / which if which == "state.db" else home.path / ".cache/buzon/casa/cache.db"
    WAYS[way](target, random.Random(seed))
    before = target.read_bytes() if target.exists() else None
    wrong = []
    watch_deletions(home, drop, wrong)
    runs = [home.run(*words) for _ in range(2)]
    drop.watch = None
    for run in runs:
        if run.returncode not in CODES or (run.returncode != 0 and "buzon: " not in run.stderr):
            wrong.append(f"ended with {run.returncode}: {run.stderr}")
    if which == "state.db" and WAYS[way] in REFUSED and (
            runs[0].returncode == 0 or target.read_bytes() != before):
        wrong.append(f"a state.db that is none was used or changed: {runs[0].returncode}")
    if which == "cache.db" and runs[1].returncode != 0:
        wrong.append("the cache was not made anew")
    missing = {verify.Letter(data).name for _, data in letters()} - copies(home)
    wrong += can_be_read(home)
    return Outcome(1, len(missing), 0, [f"{which}, {WAYS[way].__name__} {seed}: {one}" for one in wrong])


def locked(path, drop, scenario, which):
    """Another program holds the file: buzon waits, says so, and goes on another time."""
    home, words = start(path, drop, scenario)
    db = sqlite3.connect(home.mail / which if which == "state.db"
                         else home.path / ".cache/buzon/casa/cache.db", isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    first = home.run(*words)
    db.execute("ROLLBACK")
    db.close()
    again = home.run(*words)
    wrong = []
    if first.returncode not in (74, 75) or "buzon: " not in first.stderr:
        wrong.append(f"{which}, locked: ended with {first.returncode}: {first.stderr}")
    if again.returncode != 0:
        wrong.append(f"{which}, no longer locked: ended with {again.returncode}: {again.stderr}")
    return Outcome(1, len({verify.Letter(data).name for _, data in letters()} - copies(home)), 0, wrong)


def main():
    skip_unless_possible()
    print(f"# seed {SEED} (BUZON_SEED)")
    choose, total = random.Random(SEED), Outcome()
    scenario = next(one for one in SCENARIOS if one.name == "fetch, none")
    scenario.more = ALWAYS_DELETED
    with Points() as points:
        # the mail is here and still on the server, from which it may go now
        scenario.template = points.template("damage", NEVER_DELETED, downloaded)
        for which in ("state.db", "cache.db"):
            mine = points.run(damage, [(scenario, which, n % len(WAYS), choose.randrange(1 << 30))
                                       for n in range(1000 if ALL else POINTS // 2)])
            mine.add(points.one(locked, (scenario, which)))
            test(f"{which} damaged: {mine}", mine.good, "\n".join(mine.wrong))
            total.add(mine)
        print(f"# damage: {total}, {points.seconds():.0f} s")
    done()


if __name__ == "__main__":
    main()
