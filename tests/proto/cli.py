#!/usr/bin/env python3
"""The command line without a server: what each form answers, and with which exit code."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
BUZON = os.environ.get("BUZON", "build/buzon")
MAIL = (
    b"From a@example.org Tue Nov  3 10:00:00 2020\nFrom: a@example.org\nSubject: one\n\nbody one\n\n"
    b"From b@example.org Tue Nov  3 11:00:00 2020\nFrom: b@example.org\nSubject: two\x1b[31m\n\n\xff\x9b\n\n"
)
USAGE, NO_INPUT, IO_ERROR, CONFIG = 64, 66, 74, 78


class Home:
    """A home of its own with a mailbox, and a way to run buzon in it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "m.mbox").write_bytes(MAIL)
        (self.folder / "casa").write_text("a file named like an account\n")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "LC_", "LANG"))}
        self.env.update(HOME=folder, LANG="C.UTF-8")

    def run(self, *args, stdin=b"", out=subprocess.PIPE):
        return subprocess.run([BUZON, *args], input=stdin, stdout=out, stderr=subprocess.PIPE,
                              cwd=self.folder, env=self.env, timeout=20)


def lines(done):
    return [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]


def files(home):
    rows = lines(home.run("list", "m.mbox", "--json"))
    assert [r["uid"] for r in rows] == [2, 1], rows
    assert len(lines(home.run("list", "m.mbox", "--limit", "1", "--json"))) == 1
    assert home.run("show", "m.mbox:1", "--raw").stdout.endswith(b"Subject: one\n\nbody one\n")
    shown = lines(home.run("show", "-", "--json", stdin=MAIL))[0]
    assert shown["subject"] == "one" and shown["text"] == "body one\n", shown
    assert b"\x1b" not in home.run("show", "m.mbox:2").stdout
    assert home.run("show", "m.mbox:3").returncode == NO_INPUT
    assert home.run("show", "m.mbox:0").returncode == NO_INPUT


def two_inputs_at_once(home):
    """Each standard input has rows of its own."""
    for _ in range(10):
        runs = []
        for word in ("left", "right"):
            mail = home.folder / word
            mail.write_text(f"Subject: {word}\n\nbody\n")
            with mail.open("rb") as source:
                runs.append((word, subprocess.Popen([BUZON, "show", "-", "--json"], stdin=source,
                                                    stdout=subprocess.PIPE, env=home.env)))
        for word, run in runs:
            out, _ = run.communicate(timeout=20)
            assert run.returncode == 0 and json.loads(out)["subject"] == word, (word, out)


def options(home):
    near = home.run("list", "m.mbox", "--lmit", "3")
    assert near.returncode == USAGE and b"did you mean --limit?" in near.stderr, near
    near = home.run("lst", "m.mbox")
    assert near.returncode == NO_INPUT and b"did you mean list?" in near.stderr, near
    for bad in (["--limit", "0"], ["--limit", "-1"], ["--limit", "x"], ["--color", "red"], ["--lang", "fr"]):
        assert home.run("list", "m.mbox", *bad).returncode == USAGE, bad
    for help_text in (home.run("--help"), home.run("--help", "--lang", "es")):
        shown = help_text.stdout.decode().splitlines()
        assert help_text.returncode == 0 and len(shown) <= 24 and max(map(len, shown)) <= 80
    with open("/dev/full", "wb") as full:
        assert home.run("list", "m.mbox", out=full).returncode == IO_ERROR


def configuration(home):
    for words in (["fetch", "casa"], ["check", "casa", "--config"], ["list", "nowhere"], []):
        done = home.run(*words)
        assert done.returncode == CONFIG and b"[account " in done.stderr, (words, done)
    rc = home.folder / "rc"
    rc.write_text('[account "casa"]\nprotocl = imap\nserver = h\nuser = u\n')
    rc.chmod(0o600)
    for words in (["--config", "rc", "check"], ["--config", "rc", "check", "--config"],
                  ["check", "--config", "rc"]):
        done = home.run(*words)
        assert done.returncode == CONFIG and b'rc:2: ' in done.stderr and b'"protocol"' in done.stderr, done
    rc.write_text('[account "casa"]\nprotocol = imap\nserver = h\nuser = u\n')
    assert home.run("check", "--config", "rc").returncode == 0
    assert home.run("--config", "rc", "fetch", "casa").returncode == USAGE
    assert home.run("--config", "rc", "--account", "cas").returncode == USAGE


def main():
    checks = [files, two_inputs_at_once, options, configuration]
    print(f"1..{len(checks)}")
    failed = 0
    for number, check in enumerate(checks, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(Home(folder))
                print(f"ok {number} - {check.__name__}")
            except Exception as error:  # told as TAP
                failed += 1
                print(f"not ok {number} - {check.__name__}: {type(error).__name__} {error}")
    sys.exit(failed > 0)


main()
