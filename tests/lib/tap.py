"""Results of a test script as TAP."""

import os
import random
import signal

# What runs in the background may have been started with Ctrl-C ignored; what is tested must not be.
signal.signal(signal.SIGINT, signal.default_int_handler)

_number = 0


def test(name, ok, more=""):
    """One result; what it was about is shown where it failed. Returns ok."""
    global _number
    _number += 1
    print(f"{'ok' if ok else 'not ok'} {_number} - {name}", flush=True)
    if not ok and more:
        print("\n".join(f"# {line}" for line in str(more)[:3000].split("\n")), flush=True)
    return ok


def seed():
    """What a test that chooses at random begins with: in each `make check` the same, so that a failure comes
    again; in `make fault` a new one. BUZON_SEED names any."""
    new = random.randrange(1 << 30) if os.environ.get("BUZON_FAULT") == "all" else 1
    return int(os.environ.get("BUZON_SEED", new))


def done():
    """The plan, at the end."""
    print(f"1..{_number}", flush=True)
