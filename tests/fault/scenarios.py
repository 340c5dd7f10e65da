"""What is done under faults: a command, the home that it starts from, and what must be there in the
end."""

import dataclasses
import shutil
import sqlite3
import typing

from faults import (Home, LETTERS, ONLY, Outcome, PART, Points, SEED, done, judge, letter, letters, name,
                    quoted, skip_unless_possible, test, verify)

NEVER_DELETED = "leave-on-server = forever\n"
ALWAYS_DELETED = "leave-on-server = none\n"


@dataclasses.dataclass(repr=False)
class Scenario:
    name: str
    command: tuple
    more: str = ""                       # of the account's section
    prepare: typing.Callable = None      # (home, drop): makes the template
    mail: list = dataclasses.field(default_factory=letters)  # on the server when the command runs
    known: list = dataclasses.field(default_factory=list)    # what else may be here
    first: int = 1                       # letters first to last are expected
    last: int = LETTERS
    copied: tuple = ()                   # these may be there once more
    again: tuple = ()                    # after the fault; () = the command
    ends: tuple = (0,)                   # codes with which it may end when it is run again
    each: int = 1                        # points are tried in the same proportion
    template: object = None              # the path of the home that prepare made

    def __repr__(self):
        return self.name

    def judge(self, home, ask):
        """The Outcome of what is there in the end."""
        once = [name(i) for i in range(self.first, self.last + 1)]
        return judge(home, once, self.all_mail(), ask, [name(i) for i in self.copied])

    def words(self, home, again=False):
        return [word.replace("$HOME", str(home.path)) for word in (again and self.again) or self.command]

    def all_mail(self):
        return self.mail + self.known


def must(home, *words):
    """A step of a preparation."""
    done = home.run(*words)
    if done.returncode != 0:
        raise RuntimeError(f"{words}: {done.returncode} {done.stderr.strip()}")


def nothing(home, drop):
    """The first run ever."""


def downloaded(home, drop):
    drop.reset(letters())
    must(home, "fetch")


def half(home, drop):
    """Ten letters are here, and another program added one without its empty line."""
    drop.reset(letters(1, 10))
    must(home, "fetch")
    with open(home.mail / "inbox.mbox", "ab") as box:
        box.write(b"From eva@example.org Mon Nov  2 10:00:00 2020\n" + letter(21, b"outside\n"))


def filed(home, drop):
    downloaded(home, drop)
    must(home, "create", "Papers")
    must(home, "move", "INBOX", "5", "Papers")


def marked(home, drop):
    """Half of the Inbox was moved away: there is something to compact."""
    downloaded(home, drop)
    must(home, "create", "Papers")
    must(home, "move", "INBOX", "10", "Papers")
    must(home, "flags", "INBOX", "3", "1", "0")


def foreign_box(home, drop):
    downloaded(home, drop)
    with open(home.path / "old.mbox", "wb") as box:
        for i in range(21, 31):
            box.write(b"From eva@example.org Mon Nov  2 10:00:00 2020\n" + letter(i, b"old %d\n" % i) + b"\n")


OLD_SCHEMA = """
CREATE TABLE pin(host TEXT NOT NULL, port INT NOT NULL, sha256 BLOB NOT NULL, PRIMARY KEY(host, port));
CREATE TABLE local(uid INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL, flags INT NOT NULL);
CREATE INDEX local_digest ON local(digest);
CREATE TABLE ledger(uidl TEXT PRIMARY KEY, local_uid INT NOT NULL, size INT NOT NULL, state INT NOT NULL,
 first_seen INT NOT NULL, last_listed INT NOT NULL) WITHOUT ROWID;
CREATE TABLE intent(id INTEGER PRIMARY KEY CHECK(id = 1), mbox TEXT NOT NULL, dev INT NOT NULL,
 ino INT NOT NULL, start INT NOT NULL);
CREATE TABLE intent_item(n INTEGER PRIMARY KEY, uidl TEXT NOT NULL, off INT NOT NULL, len INT NOT NULL,
 digest BLOB NOT NULL, size INT NOT NULL);
PRAGMA user_version = 1; PRAGMA journal_mode = WAL;
"""


def version_1(home, drop):
    """Ten letters that the first buzon downloaded."""
    home.mail.mkdir(mode=0o700, parents=True)
    db = sqlite3.connect(home.mail / "state.db")
    db.executescript(OLD_SCHEMA)
    with open(home.mail / "inbox.mbox", "wb") as box:
        for uidl, data in letters(1, 10):
            box.write(b"From MAILER-DAEMON Mon Nov  2 10:00:00 2020\n"
                      + quoted(data) + b"\n")
            db.execute("INSERT INTO local(digest, flags) VALUES(?, 1)", (verify.Letter(quoted(data)).digest,))
            db.execute("INSERT INTO ledger VALUES(?, last_insert_rowid(), ?, 0, 1600000000, 1600000000)",
                       (uidl, len(data.replace(b"\n", b"\r\n"))))
    db.commit()
    db.close()
    for path in (home.mail / "state.db", home.mail / "inbox.mbox"):
        path.chmod(0o600)


SCENARIOS = [
    Scenario("fetch, forever", ("fetch",), NEVER_DELETED, nothing, each=4),
    Scenario("fetch, none", ("fetch",), ALWAYS_DELETED, nothing, each=4),
    Scenario("fetch behind other mail", ("fetch",), NEVER_DELETED, half,
             known=[("", letter(21, b"outside\n"))], last=21, each=2),
    Scenario("state.db of version 1", ("fetch",), NEVER_DELETED, version_1, each=2),
    Scenario("flags", ("flags", "INBOX", "0", "5", "2"), "", downloaded),
    Scenario("move", ("move", "INBOX", "0", "Papers"), "", filed, each=2),
    Scenario("copy", ("copy", "INBOX", "0", "Papers"), "", filed, copied=tuple(range(6, LETTERS + 1)),
             again=("look",)),
    Scenario("compact", ("compact", "INBOX"), "", marked, each=2),
    Scenario("expunge", ("expunge", "Papers", "0"), "", filed, first=6),
    Scenario("rename", ("rename", "Papers", "Old papers"), "", filed, ends=(0, 66)),
    Scenario("import", ("import", "$HOME/old.mbox", "Old"), "", foreign_box,
             known=[("", letter(i, b"old %d\n" % i)) for i in range(21, 31)], last=30),
]


def start(path, drop, scenario):
    """The home, a copy of the template with this process' server; and the words to run."""
    shutil.copytree(scenario.template, path)
    drop.reset(scenario.mail)
    home = Home(path, drop.port, scenario.more)
    return home, scenario.words(home)


def prepared(points, names=None):
    """The scenarios, with their templates."""
    wanted = [one for one in SCENARIOS if (names is None or one.name in names) and ONLY in (None, one.name)]
    for scenario in wanted:
        scenario.template = points.template(scenario.name.replace(" ", "-"), scenario.more, scenario.prepare)
    return wanted


def try_scenarios(what, try_all, most):
    """A test for each scenario and the sum of them. try_all(points, scenario, how many) -> Outcome; most:
    points of a sample of all."""
    skip_unless_possible()
    print(f"# seed {SEED} (BUZON_SEED)")
    with Points() as points:
        todo, total = prepared(points), Outcome()
        room = PART * most / sum(one.each for one in todo)
        for scenario in todo:
            mine = try_all(points, scenario, room * scenario.each)
            test(f"{scenario.name}: {mine}", mine.good, "\n".join(mine.wrong))
            total.add(mine)
        print(f"# {what}: {total}, {points.seconds():.0f} s")
    done()
