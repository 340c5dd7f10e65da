#!/usr/bin/env python3
"""buzon import and buzon check --store: the commands, what they print, their exit codes; an mbox, a
Maildir of 10,000, a kill in the middle."""

import mailbox
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from fake import SANITIZED, Fake, Home, pop  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402
import verify  # noqa: E402

MANY = 2000 if SANITIZED else 10000


def letter(i):
    return (f"From: Eva <eva@example.org>\nSubject: old {i}\nMessage-ID: <old{i}@example.org>\n"
            f"Date: Mon, 2 Nov 2020 10:00:00 +0000\n\nFrom here\nbody {i}\n").encode()


def make_mbox(path, n):
    box = mailbox.mbox(path)
    for i in range(n):
        message = mailbox.mboxMessage(letter(i))
        message.set_flags("RO" if i % 2 else "")
        box.add(message)
    box.close()


def make_maildir(path, n, folder):
    for name in ("cur", "new", "tmp", f".{folder}/cur", f".{folder}/new", f".{folder}/tmp"):
        (path / name).mkdir(parents=True)
    for i in range(n):
        (path / "cur" / f"16043{i:05}.{i}.host:2,S").write_bytes(letter(i))
    (path / f".{folder}" / "cur" / "1604300000.x.host:2,F").write_bytes(letter(n))


def account_dir(home):
    return home.path / ".local/share/buzon/casa"


def names(n):
    return [f"<old{i}@example.org>" for i in range(n)]


def check_mbox(home):
    path = home.path / "Old letters.mbox"
    make_mbox(path, 12)
    before = path.read_bytes()
    done = home.run("import", str(path))
    test("an mbox comes into a folder called as the file", done.returncode == 0
         and done.stdout == b"12 imported\n" and not done.stderr, done)
    done = home.run("list", "Casa/Old letters")
    test("and is listed there, its flags too", done.stdout.count(b"old ") == 12 and done.stdout.count(b"  N") == 6,
         done)
    done = home.run("import", str(path), "Casa/Old letters")
    test("a second time nothing comes", done.stdout == b"0 imported, 12 were there already\n", done)
    verdict = verify.account(home.path, account_dir(home), names(12))
    test("each is there once; the source is as it was", verdict.good and path.read_bytes() == before, verdict)


def check_words(home):
    cases = (([], 64, b"import what?"), ([str(home.path / "none")], 66, b"No such file"),
             ([str(home.rc)], 66, b"neither an mbox file nor a Maildir"),
             ([str(home.path / "Old letters.mbox"), "Nobody/X"], 64, b"there is no account"),
             ([str(home.path / "Old letters.mbox"), "Casa/."], None, b"name"))
    for words, code, sentence in cases:
        done = home.run("import", *words)
        test(f"import {' '.join(words)[-30:]}: {code}, and why", sentence in done.stderr
             and (done.returncode == code if code else done.returncode != 0), done)


def check_maildir(home):
    path = home.path / "Maildir"
    make_maildir(path, MANY, "Lists.buzon")
    env = {"HOME": str(home.path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    process = subprocess.Popen([os.environ["BUZON"], "import", str(path), "Casa/Big"], env=env,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    big = account_dir(home) / "Big.mbox"
    while process.poll() is None and not (big.exists() and big.stat().st_size > 100000):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    began = time.monotonic()
    done = home.run("import", str(path), "Casa/Big")
    took = time.monotonic() - began
    test(f"a Maildir of {MANY:,} comes, gone on with after a kill",
         done.returncode == 0 and b" imported, " in done.stdout, done)
    print(f"# {done.stdout.decode().strip()}, {took:.1f} s")
    verdict = verify.account(home.path, account_dir(home), names(MANY + 1) + names(12))
    test("each is there once, the subfolder's too", verdict.good
         and (account_dir(home) / "Big%2FLists%2Fbuzon.mbox").exists(), verdict)


def check_store(home):
    done = verify.check_store(home.path)
    test("check --store: one line, 0", done.returncode == 0
         and done.stdout.endswith(f"Casa: {MANY + 13:,} messages, 3 folders, 0 problems\n"), done)
    big = account_dir(home) / "Big.mbox"
    data = bytearray(big.read_bytes())
    data[data.index(b"body %d" % (MANY // 2))] = ord("B")
    big.write_bytes(data)
    done = verify.check_store(home.path, "Casa")
    test("a changed byte: 1, and what it is", done.returncode == 1 and "Casa/Big: 1 message that buzon knows"
         in done.stdout and ", 1 problem\n" in done.stdout, done)
    done = verify.check_store(home.path, repair=True)
    again = verify.check_store(home.path)
    test("--repair: nothing is deleted, and then all is well", done.returncode == 0 and again.returncode == 0
         and big.read_bytes() == bytes(data), (done, again))
    done = verify.check_store(home.path, "Nobody")
    test("an account that is none: 64", done.returncode == 64, done)


def main():
    with Fake(pop(n=0)) as server, Home("pop", server.port) as home:
        check_mbox(home)
        check_words(home)
        check_maildir(home)
        check_store(home)
    tap.done()


if __name__ == "__main__":
    main()
