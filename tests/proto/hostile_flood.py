#!/usr/bin/env python3
"""The servers of hostile.py that send too much, too deep, or without end (SECURITY.md C12-C14)."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import hostile  # noqa: E402

if __name__ == "__main__":
    hostile.run(hostile.check_depth, hostile.check_literals, hostile.check_endless)
