"""Results of a test script as TAP."""

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


def done():
    """The plan, at the end."""
    print(f"1..{_number}", flush=True)
