#!/usr/bin/env python3
"""No room for what SQLite keeps beside a database: that is a full disk and told as one, once. It is no
damage, and --repair does not take it for any."""

import pathlib
import tempfile

from faults import SHIM, Home, Maildrop, done, letters, skip_unless_possible, test

FULL = {"FAULT_DO": "enospc", "FAULT_STICKY": "1", "FAULT_AT": "2"}
WORDS = "This computer's disk is full: "


def full(home, *words):
    return home.run(*words, LD_PRELOAD=str(SHIM), FAULT_UNDER=str(home.mail / "state.db-shm"), **FULL)


def databases(home):
    return {path.name: path.read_bytes() for path in home.mail.glob("state.db*")
            if not path.name.endswith(("-wal", "-shm"))}


def check(home, *words):
    before = databases(home)
    run = full(home, *words)
    test(f"{' '.join(words)}: a full disk, in one line", run.returncode == 74 and WORDS in run.stderr
         and run.stderr.count("\n") == 1 and "damaged" not in run.stdout + run.stderr, run)
    test("and nothing is put right that is right", databases(home) == before, sorted(databases(home)))


def main():
    skip_unless_possible()
    with tempfile.TemporaryDirectory(prefix="bz-full-") as folder:
        drop = Maildrop()
        drop.reset(letters(1, 3))
        home = Home(pathlib.Path(folder) / "home", drop.port)
        first = home.run("fetch")
        test("three came", first.returncode == 0 and "3 new" in first.stdout, first)
        check(home, "fetch")
        check(home, "check", "--store")
        check(home, "check", "--store", "--repair")
        check(home, "list", "--server", "Casa")
        run = full(home, "list", "Casa")
        test("the mail can be read", "letter 3" in run.stdout and WORDS in run.stderr, run)
        after = home.run("check", "--store")
        test("with room again nothing is amiss", after.returncode == 0, after)
        drop.close()
    done()


main()
