"""What a crash left, read by another program than buzon: Python's mailbox, sqlite3 and hashlib.

    import verify
    verdict = verify.account(home, account_dir, expected_message_ids)
    test("killed there: nothing lost, nothing doubled", verdict.good, verdict)

home: the $HOME of the runs (a path). account_dir: where the account's mail and state.db are
(home/.local/share/buzon/casa). expected_message_ids: the Message-IDs that must be there, as the
server has them, each as often as it must be there ("<l1@example.org>"; a message without one is
named by its Subject). Every *.mbox in account_dir counts, and `mbox` where the Inbox is elsewhere.

A message counts where it is live: its X-Status has no D, and state.db does not say that it was
moved away or deleted. Nothing is changed. Then `buzon check --store` ($BUZON) is asked, which may
finish what a crash interrupted; check=False leaves it out. Call it after the run that follows the
crash: what a killed move has written twice is put right by that run.

    verdict.lost      Message-IDs that are there less often than expected
    verdict.doubled   Message-IDs that are there more often than expected, or not expected at all
    verdict.problems  sentences: what state.db says against the files, and buzon's own findings
    verdict.good      none of the three; str(verdict) is one line
"""

import collections
import dataclasses
import hashlib
import mailbox
import os
import pathlib
import re
import sqlite3
import subprocess
import urllib.parse

HERE, REMOVED, MARKED, MISSING = range(4)
LEFT_OUT = re.compile(rb"(?:status|x-status|x-keywords|x-uid|x-imap|x-imapbase|x-uidl|content-length|lines)$")
QUOTED = re.compile(rb"^>(>*From )", re.M)
LIMIT = 120  # seconds that a check may last


@dataclasses.dataclass
class Verdict:
    lost: list
    doubled: list
    problems: list
    count: int = 0  # live messages

    @property
    def good(self):
        return not (self.lost or self.doubled or self.problems)

    def __str__(self):
        return (f"{self.count} messages, {len(self.lost)} lost {self.lost[:5]}, "
                f"{len(self.doubled)} doubled {self.doubled[:5]}, problems {self.problems[:5]}")


class Letter:
    """One message as it stands in an mbox."""

    def __init__(self, data):
        data = QUOTED.sub(rb"\1", data)
        head, gap, body = data.partition(b"\n\n")
        self.kept, self.fields, self.body, skip = [], {}, body, False
        for line in head.split(b"\n"):
            if line[:1] not in (b" ", b"\t"):
                name = line.split(b":", 1)[0].lower()
                skip = b":" in line and LEFT_OUT.match(name) is not None
                self.fields.setdefault(name, line[len(name) + 1:].strip())
            if not skip:
                self.kept.append(line)
        rest = b"".join(line + b"\n" for line in self.kept)
        rest = rest + b"\n" + body if gap else rest[:-1]
        self.digest = hashlib.sha256(data if data.startswith(b"\n") else rest).digest()
        self.deleted = b"D" in self.fields.get(b"x-status", b"")
        self.name = self.fields.get(b"message-id") or self.fields.get(b"subject") or b"?"
        self.name = self.name.decode(errors="replace")


def letters(path):
    """Every message of an mbox, by Python's own reading of it."""
    if not path.exists():
        return []
    box = mailbox.mbox(path, create=False)
    try:
        return [Letter(box.get_bytes(key)) for key in box.keys()]
    finally:
        box.close()


def _rows(state):
    """folder -> digest -> [here, removed]; and what is wrong with the file."""
    rows = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))
    if not state.exists():
        return rows, []
    db = sqlite3.connect(f"file:{state}?mode=ro", uri=True)
    try:
        wrong = [f"state.db: {line}" for (line,) in db.execute("PRAGMA integrity_check") if line != "ok"]
        for folder, digest, kind in db.execute("SELECT folder, digest, state FROM local"):
            if kind != MISSING:  # it may come back; buzon's check tells of it
                rows[folder][digest][kind != HERE] += 1
        wrong += [f"{uidl} is stored as {uid}, which is not there" for uidl, uid in db.execute(
            "SELECT uidl, local_uid FROM ledger WHERE state = 0 AND"
            " local_uid NOT IN (SELECT uid FROM local)")]
    except sqlite3.Error as why:
        wrong = [f"state.db: {why}"]
    finally:
        db.close()
    return rows, wrong


def _live(found, rows):
    """The live ones among the messages of one folder. A row of what was removed may outlive its
    bytes, so rows of what is here come first."""
    dead = collections.Counter()
    plain = collections.Counter(letter.digest for letter in found if not letter.deleted)
    marked = collections.Counter(letter.digest for letter in found if letter.deleted)
    for digest, (here, removed) in rows.items():
        dead[digest] = min(max(removed - marked[digest], 0), max(plain[digest] - here, 0))
    for letter in found:
        if not letter.deleted and dead[letter.digest] > 0:
            dead[letter.digest] -= 1
        elif not letter.deleted:
            yield letter


def _missing(folder, found, rows):
    there = collections.Counter(letter.digest for letter in found)
    n = sum(max(here - there[digest], 0) for digest, (here, _) in rows.items())
    return [f"{folder}: {n} messages of state.db are in no file"] if n else []


def _files(account_dir, mbox):
    """folder's name -> file."""
    inbox = pathlib.Path(mbox) if mbox else account_dir / "inbox.mbox"
    files = {urllib.parse.unquote(path.name[:-len(".mbox")]): path
             for path in account_dir.glob("*.mbox") if path != inbox}
    files["INBOX"] = inbox
    return files


def check_store(home, *names, repair=False, program=None):
    """`buzon check --store`: the finished process, its output as text."""
    env = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    return subprocess.run([program or os.environ["BUZON"], "check", "--store", *names]
                          + ["--repair"] * repair, env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=LIMIT)


def _asked(home, program):
    done = check_store(home, program=program)
    if done.returncode == 0:
        return []
    lines = (done.stdout + done.stderr).splitlines()
    return [f"buzon: {line}" for line in lines] or [f"buzon: exit code {done.returncode}"]


def account(home, account_dir, expected_message_ids, mbox=None, check=True, program=None):
    account_dir = pathlib.Path(account_dir)
    rows, problems = _rows(account_dir / "state.db")
    names = collections.Counter()
    for folder, path in _files(account_dir, mbox).items():
        found = letters(path)
        names.update(letter.name for letter in _live(found, rows[folder]))
        problems += _missing(folder, found, rows.pop(folder))
    problems += [f"{folder}: there is no such file" for folder, digests in rows.items()
                 if any(here for here, _ in digests.values())]
    wanted = collections.Counter(expected_message_ids)
    if check:
        problems += _asked(home, program)
    return Verdict(lost=sorted((wanted - names).elements()), doubled=sorted((names - wanted).elements()),
                   problems=problems, count=sum(names.values()))
