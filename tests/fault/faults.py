"""What the fault tests share: letters, a $HOME that is copied for each point, runs under fault.so, and
what is looked at afterwards. Points run beside each other, each in a process with its own server."""

import collections
import dataclasses
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
from fake import SANITIZED  # noqa: E402
import verify  # noqa: E402
from server import Maildrop  # noqa: E402
from tap import done, seed, test  # noqa: E402, F401

PROGRAM = os.environ["BUZON"]
BUILD = pathlib.Path(os.environ.get("BUILDDIR", pathlib.Path(PROGRAM).parent))
SHIM, DRIVE = BUILD / "tests/fault/fault.so", BUILD / "tests/fault/drive"
ALL = os.environ.get("BUZON_FAULT") == "all"  # make fault: every point
PART = 1 if ALL else float(os.environ.get("BUZON_FAULT", 0.6))  # of the sample
ONLY = os.environ.get("BUZON_SCENARIO")  # one of scenarios.py
SEED = seed()
JOBS = int(os.environ.get("BUZON_JOBS", 2))
LIMIT = 60  # seconds that no run may last
LETTERS = 20
CODES = {0, 66, 69, 73, 74, 75, 78}  # an exit code that tells a local or passing failure


def letter(i, body=None):
    """The i-th of the letters that every server here has: From_ lines, dots, no end of line, 40 KB."""
    text = (b"From me to you\n.\n..\n>From here\nline %d\n" % i * (1 + i % 7) if i % 5 else b"x" * 2000 * i
            + b"\n") if body is None else body
    return (b"From: Eva <eva@example.org>\nTo: ana@example.org\nSubject: letter %d\n"
            b"Date: Mon, 2 Nov 2020 10:00:%02d +0000\nMessage-ID: <l%d@example.org>\n\n" % (i, i % 60, i)
            + text)


def letters(first=1, last=LETTERS):
    return [(f"uidl-{i}", letter(i)) for i in range(first, last + 1)]


def name(i):
    return f"<l{i}@example.org>"


def quoted(data):
    """As it stands in an mbox."""
    return re.sub(rb"(?m)^(>*From )", rb">\1", data) + (b"" if data.endswith(b"\n") else b"\n")


def digests(mail):
    return {verify.Letter(quoted(data)).digest for _, data in mail}


# --- a home ----------------------------------------------------------------------------------------


class Home:
    """A $HOME whose account's server is on loopback, without TLS (ca: with) so that its bytes can be
    looked at."""

    def __init__(self, path, port, more="", ca=None):
        self.path = pathlib.Path(path)
        self.mail = self.path / ".local/share/buzon/casa"
        self.rc = self.path / ".config/buzon/buzonrc"
        security = "none" if ca is None else f"tls\ntls-ca-file = {ca}"
        self.rc.parent.mkdir(parents=True, exist_ok=True)
        self.rc.write_text(f'[account "Casa"]\nprotocol = pop\nserver = localhost:{port}\n'
                           f"security = {security}\nuser = ana\naddress = ana@example.org\n{more}"
                           "password = secret\n")
        self.rc.chmod(0o600)

    def env(self, **more):
        return {"HOME": str(self.path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC", **more}

    def argv(self, words):
        return [PROGRAM, *words] if words[0] in ("fetch", "check", "list") else [str(DRIVE), *words]

    def run(self, *words, timeout=LIMIT, **env):
        """To its end; the finished process."""
        return subprocess.run(self.argv(words), env=self.env(**env), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", timeout=timeout)

    def under_shim(self, *words, **env):
        return self.run(*words, LD_PRELOAD=str(SHIM), FAULT_UNDER=str(self.path), **env)

    def strays(self):
        """What lies about beside the mail."""
        return [str(p.relative_to(self.path)) for p in self.path.rglob("*")
                if p.is_file() and not is_known(p)]


def is_known(path):
    return (path.name.startswith(("state.db", "cache.db", "search.db", "fetch.lock", "buzonrc", "log", "mail.lock"))
            or path.suffix in (".mbox", ".old") or ".salvage-" in path.name or ".import" in path.name)


def count_of(path):
    return struct.unpack("q", path.read_bytes())[0]


# --- what must hold ----------------------------------------------------------------------------------


@dataclasses.dataclass
class Outcome:
    """Of a point, or the sum of many."""
    points: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: list = dataclasses.field(default_factory=list)

    def add(self, other):
        self.points += other.points
        self.lost += other.lost
        self.doubled += other.doubled
        self.wrong += other.wrong[:max(0, 20 - len(self.wrong))]

    @property
    def good(self):
        return not (self.lost or self.doubled or self.wrong)

    def __str__(self):
        return f"{self.points} points, {self.lost} lost, {self.doubled} doubled"


def judge(home, expected, mail, ask, copied=()):
    """The Outcome after the run that came after the fault. expected: how often each Message-ID;
    mail: the (uidl, bytes) that may be here, byte for byte; ask: buzon check --store too; copied: these
    may be there once more."""
    verdict = verify.account(home.path, home.mail, expected, check=ask)
    verdict.doubled = list((collections.Counter(verdict.doubled) - collections.Counter(copied)).elements())
    wrong = list(verdict.problems)
    if verdict.lost or verdict.doubled:
        wrong.append(str(verdict))
    whole = digests(mail)
    for box in home.mail.rglob("*.mbox"):
        torn = [one.name for one in verify.letters(box) if one.digest not in whole]
        if torn:
            wrong.append(f"{box.name}: not as sent: {torn}")
    if home.strays():
        wrong.append(f"left behind: {home.strays()}")
    return Outcome(1, len(verdict.lost), len(verdict.doubled), wrong)


# --- many points -------------------------------------------------------------------------------------

_me = {}  # of this process: its folder and its server


def _begin(folder):
    _me["folder"] = pathlib.Path(tempfile.mkdtemp(prefix="point-", dir=folder))
    _me["drop"] = Maildrop()


def _one(task):
    function, args = task
    home = _me["folder"] / "home"
    shutil.rmtree(home, ignore_errors=True)
    (_me["folder"] / "count").unlink(missing_ok=True)
    try:
        return function(home, _me["drop"], *args)
    except Exception as why:  # a point that cannot be judged is a failure, not the end of the rest
        return Outcome(1, 0, 0, [f"{args}: {type(why).__name__}: {why}"])


class Points:
    """with Points() as points: points.run(function, list of args). function(home path, Maildrop,
    *args) -> Outcome, a function of a module; home does not exist yet."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="bz-fault-")
        self.pool = multiprocessing.get_context("fork").Pool(JOBS, _begin, (self.folder.name,))
        self.begun = time.monotonic()
        return self

    def __exit__(self, *_):
        self.pool.terminate()
        self.pool.join()
        self.folder.cleanup()

    def template(self, name, more, prepare):
        """A home that prepare(home, drop) made, for points to copy."""
        drop = Maildrop()
        home = Home(pathlib.Path(self.folder.name) / f"template-{name}", drop.port, more)
        prepare(home, drop)
        drop.close()
        return home.path

    def run(self, function, tasks):
        total = Outcome()
        for one in self.pool.imap_unordered(_one, [(function, args) for args in tasks], 1):
            total.add(one)
        return total

    def one(self, function, args):
        return self.pool.apply(_one, ((function, args),))

    def seconds(self):
        return time.monotonic() - self.begun


def sample(points, n, seed):
    """At most n of them: the first and the last, and any between; all for `make fault`."""
    points = list(points)
    if ALL or len(points) <= n:
        return points
    return sorted({points[0], points[-1], *random.Random(seed).sample(points, n)})


def skip_unless_possible():
    if SANITIZED:
        print("1..0 # SKIP a sanitizer must come first in memory: fault.so cannot")
        sys.exit(0)
    if not SHIM.exists() or not DRIVE.exists():
        print("1..0 # SKIP tests/fault/fault.so is not built (make check builds it)")
        sys.exit(0)
