#!/usr/bin/env python3
"""kill -9 at any time of a POP download from a real Dovecot: after the next run each message is in the
mbox exactly once, and whole."""

import mailbox
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from dovecot import Dovecot, Missing  # noqa: E402
from fake import Home  # noqa: E402
import tap  # noqa: E402

KILLS, LETTERS, SECONDS = 30, 150, 20


def letter(i):
    return (b"From: Eva <eva@example.org>\nSubject: letter %d\nDate: Mon, 2 Nov 2020 10:00:00 +0000\n\n" % i
            + b"From line %d of it\n" % i * (20 + i % 50) + b".\nend %d\n" % i)


def whole(message, i):
    return (message["Subject"] == f"letter {i}"
            and message.get_payload().replace(">From ", "From ").rstrip("\n").endswith(f".\nend {i}"))


def check(home):
    """None, or what is wrong with the mbox."""
    found = list(mailbox.mbox(home.path / ".local/share/buzon/casa/inbox.mbox"))
    names = [m["Subject"] for m in found]
    if sorted(names) != sorted(f"letter {i}" for i in range(1, LETTERS + 1)):
        return f"{len(names)} messages, {len(set(names))} of them different"
    torn = [m["Subject"] for m in found if not whole(m, int(m["Subject"].split()[1]))]
    return f"torn: {torn}" if torn else None


def start(home):
    env = {"HOME": str(home.path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    return subprocess.Popen([os.environ["BUZON"], "fetch", "Casa"], env=env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def fresh(server):
    return Home("pop", server.ports["pop3s"], "tls", server.ca_file, "secret")


def main():
    try:
        Dovecot().start().stop()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    seed = tap.seed()
    choose, bad, kills = random.Random(seed), [], 0
    with Dovecot(mail={"ana": {"INBOX": [letter(i) for i in range(1, LETTERS + 1)]}}) as server:
        with fresh(server) as home:
            begun = time.monotonic()
            start(home).wait()
            took, wrong = time.monotonic() - begun, check(home)
        print(f"# seed {seed} (BUZON_SEED)\n{'not ok' if wrong else 'ok'} 1 - undisturbed: exactly once")
        until = time.monotonic() + SECONDS
        while kills < KILLS and time.monotonic() < until:
            with fresh(server) as home:
                for _ in range(choose.choice((1, 1, 2, 3))):  # one after another on the same mbox
                    process = start(home)
                    try:
                        process.wait(took * choose.random())
                    except subprocess.TimeoutExpired:
                        process.send_signal(signal.SIGKILL)
                        kills += 1
                    process.wait()
                end = start(home).wait()
                again = start(home).wait()
                wrong = check(home)
                if end != 0 or again != 0 or wrong:
                    bad.append((kills, end, again, wrong))
        print(f"{'not ok' if bad or not kills else 'ok'} 2 - {kills} kills: exactly once after the next run")
        for one in bad:
            print(f"# {one}")
    print("1..2")


if __name__ == "__main__":
    main()
