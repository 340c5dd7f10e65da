#!/usr/bin/env python3
"""A private Dovecot 2.3 on free loopback ports, for tests and for the demonstration.

IMAP, IMAPS, POP3 and POP3S with STARTTLS, a throw-away CA, users and mail as asked for. It runs as
whoever calls it; called by root it drops to an ordinary user first, so both ways are the same one.

    server = Dovecot(users={"ana": "secret"}, mail={"ana": {"INBOX": [b"Subject: hi\\n\\nhi\\n"]}})
    with server:
        server.ports["imap"], server.ports["imaps"], server.ports["pop3"], server.ports["pop3s"]
        server.ca_file, server.home, server.rawlog

    dovecot.py start DIR [--user NAME:PASS]... [--mail USER=TREE]... [--parent PID] ...
    dovecot.py stop|pause|resume|info DIR

A TREE is a folder of *.mbox files, each one a mail folder named by its path (INBOX.mbox,
Listas/buzon-dev.mbox), or of subfolders of *.eml files. `start` prints one JSON object. Exit codes:
69 Dovecot (or openssl) is not here, 70 it did not start, 64 usage.

A guard process stands between the caller and Dovecot: it ends everything when it is told to, when
the caller (with the command: --parent) ends in whatever way, or when Dovecot itself ends.
"""

import argparse
import ctypes
import json
import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

EX_USAGE, EX_UNAVAILABLE, EX_SOFTWARE = 64, 69, 70
PORT_NAMES = ("imap", "imaps", "pop3", "pop3s")
START_SECONDS = 30
STOP_SECONDS = 1
# A socket's path must fit in 108 bytes; Dovecot's longest below its base is about 40.
HOME_MAX = 60
MAILDIR_FLAGS = {"answered": "R", "deleted": "T", "draft": "D", "flagged": "F", "seen": "S"}
MBOX_STATUS = {b"R": "seen", b"A": "answered", b"F": "flagged", b"T": "draft", b"D": "deleted"}


class Missing(Exception):
    """Dovecot, or what its fixture needs, is not installed."""


class Failed(Exception):
    """It is installed and did not start."""


# --- what is installed ---------------------------------------------------------------------------


def find_program(name):
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin:/sbin"
    return shutil.which(name, path=path)


def require():
    """Paths of dovecot and openssl, or Missing with a sentence."""
    dovecot, openssl = find_program("dovecot"), find_program("openssl")
    if dovecot is None:
        raise Missing("Dovecot is not installed (Debian: dovecot-core dovecot-imapd dovecot-pop3d)")
    if openssl is None:
        raise Missing("openssl is not installed (Debian: openssl)")
    version = subprocess.run([dovecot, "--version"], capture_output=True, text=True).stdout.strip()
    if not version.startswith("2.3."):
        raise Missing(f"this needs Dovecot 2.3, found {version or 'one that does not run'}")
    libexec = subprocess.run(
        [find_program("doveconf") or "doveconf", "-h", "libexec_dir"],
        capture_output=True, text=True).stdout.strip() or "/usr/lib/dovecot"
    for name in ("imap", "pop3"):
        if not os.path.exists(f"{libexec}/{name}-login"):
            raise Missing(f"Dovecot's {name} server is not installed (Debian: dovecot-{name}d)")
    return dovecot, openssl


# --- mail ----------------------------------------------------------------------------------------


class Message:
    """One message to put into a folder: bytes, flags by name, arrival in seconds UTC."""

    def __init__(self, data, flags=(), received=None):
        self.data, self.flags, self.received = data, frozenset(flags), received


FROM_LINE = re.compile(rb"From \S+ +(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\r?\n?$")
STATUS = re.compile(rb"^(?:X-)?Status: *([A-Z]*)[ \t]*\r?\n", re.M)


def _message_of_mbox(received, lines):
    data = b"".join(re.sub(rb"^>(>*From )", rb"\1", line) for line in lines)
    if data.endswith(b"\n\n"):
        data = data[:-1]
    head, gap, body = data.partition(b"\n\n")
    head += b"\n"
    flags = {MBOX_STATUS[bytes([c])] for word in STATUS.findall(head) for c in word
             if bytes([c]) in MBOX_STATUS}
    return Message(STATUS.sub(b"", head) + gap[1:] + body, flags, received)


def read_mbox(data):
    """Messages of an mboxrd file; Status and X-Status become flags."""
    messages, lines, received, blank = [], None, None, True
    for line in data.splitlines(keepends=True) if b"\r" not in data else _lines(data):
        match = FROM_LINE.match(line) if blank else None
        if match:
            if lines is not None:
                messages.append(_message_of_mbox(received, lines))
            when = time.strptime(match[1].decode(), "%a %b %d %H:%M:%S %Y")
            lines, received = [], int(_utc(when))
        elif lines is not None:
            lines.append(line)
        blank = line in (b"\n", b"\r\n")
    if lines is not None:
        messages.append(_message_of_mbox(received, lines))
    return messages


def _lines(data):
    """Lines that end in LF alone: a bare CR is no line end."""
    return re.findall(rb"[^\n]*\n|[^\n]+$", data)


def _utc(when):
    import calendar
    return calendar.timegm(when)


def read_tree(root):
    """A TREE of the command line: {folder: [Message]}."""
    root = pathlib.Path(root)
    folders = {}
    for path in sorted(root.rglob("*.mbox")):
        name = str(path.relative_to(root))[: -len(".mbox")]
        folders[name] = read_mbox(path.read_bytes())
    for path in sorted(root.rglob("*.eml")):
        name = str(path.parent.relative_to(root))
        folders.setdefault("INBOX" if name == "." else name, []).append(Message(path.read_bytes()))
    return folders


def _as_message(item):
    return item if isinstance(item, Message) else Message(item)


def _folder_path(home, layout, name):
    if name.upper() == "INBOX":
        return home / "inbox"
    return home / "mail" / name


def write_maildir(folder, messages):
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    now = int(time.time())
    for number, item in enumerate(messages):
        message = _as_message(item)
        received = now if message.received is None else message.received
        letters = "".join(sorted(MAILDIR_FLAGS[flag] for flag in message.flags))
        path = folder / "cur" / f"{now}.M{number:07d}.fixture,S={len(message.data)}:2,{letters}"
        path.write_bytes(message.data)
        os.utime(path, (received, received))


def write_mbox(path, messages):
    path.parent.mkdir(parents=True, exist_ok=True)
    letters = {name: letter.decode() for letter, name in MBOX_STATUS.items()}
    with open(path, "wb") as out:
        for item in messages:
            message = _as_message(item)
            received = time.time() if message.received is None else message.received
            when = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(received))
            out.write(f"From fixture@example.org {when}\n".encode())
            seen = "RO" if "seen" in message.flags else "O"
            rest = "".join(sorted(letters[flag] for flag in message.flags - {"seen"}))
            out.write(f"Status: {seen}\nX-Status: {rest}\n".encode())
            data = message.data.replace(b"\r\n", b"\n")
            # Dovecot undoes no quoting, and knows a From_ line by its date as well.
            out.writelines(b">" + line if FROM_LINE.match(line) else line for line in _lines(data))
            out.write(b"\n" if data.endswith(b"\n") else b"\n\n")


# --- certificates --------------------------------------------------------------------------------

OPENSSL_CONF = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
O = buzon, throw-away
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = {usage}
{alt}
[ca]
default_ca = here
[here]
database = {tls}/index
new_certs_dir = {tls}
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
organizationName = optional
"""
GOOD_NAMES = "DNS:localhost, IP:127.0.0.1, IP:::1"


def _day(offset):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + offset * 86400))


def make_certificates(openssl, tls, kind, names=None):
    """ca.pem, server.pem, server.key in tls. kind: good, expired, future, name, self-signed, cn-only
    (the name stands in the subject alone), wildcard (too wide), client (no server's certificate).
    names: the value of subjectAltName."""
    tls.mkdir(mode=0o700)
    (tls / "index").touch()
    names = names or {"name": "DNS:other.example.org",
                      "wildcard": "DNS:*, DNS:l*"}.get(kind, GOOD_NAMES)
    alt = "" if kind == "cn-only" else f"subjectAltName = {names}"
    usage = "clientAuth" if kind == "client" else "serverAuth"
    for name in ("authority", "localhost"):
        text = OPENSSL_CONF.format(name=name, alt=alt, usage=usage, tls=tls)
        (tls / f"{name}.cnf").write_text(text)

    def run(*argv):
        done = subprocess.run([openssl, *map(str, argv)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"openssl {argv[0]}: {done.stderr.strip()}")

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("req", "-x509", *key, "-config", tls / "authority.cnf", "-extensions", "authority",
        "-days", 7, "-keyout", tls / "ca.key", "-out", tls / "ca.pem")
    server_key = ("-keyout", tls / "server.key", "-config", tls / "localhost.cnf")
    if kind == "self-signed":
        run("req", "-x509", *key, *server_key, "-extensions", "server", "-days", 7,
            "-out", tls / "server.pem")
        return
    first, last = {"expired": (-9, -2), "future": (2, 9)}.get(kind, (-1, 7))
    run("req", "-new", *key, *server_key, "-out", tls / "server.csr")
    run("ca", "-batch", "-notext", "-config", tls / "localhost.cnf", "-extensions", "server",
        "-cert", tls / "ca.pem", "-keyfile", tls / "ca.key", "-in", tls / "server.csr",
        "-startdate", _day(first), "-enddate", _day(last), "-out", tls / "server.pem")


# --- configuration -------------------------------------------------------------------------------

CONFIG = """
protocols = imap pop3
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
log_timestamp = "%Y-%m-%d %H:%M:%S "
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
default_process_limit = 60
default_client_limit = 400
default_vsz_limit = 0
first_valid_uid = 1
first_valid_gid = 1
mail_uid = {user}
mail_gid = {group}
mail_home = {home}/users/%u
mail_location = {location}
mail_max_userip_connections = 50
mail_fsync = never
mailbox_list_index = yes
auth_mechanisms = plain login
auth_failure_delay = 0
ssl = {ssl}
ssl_cert = <{home}/tls/server.pem
ssl_key = <{home}/tls/server.key
ssl_min_protocol = TLSv1.2
listen = {listen}

passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {home}/passwd
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/users/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
  mailbox Drafts {{
    auto = create
    special_use = \\Drafts
  }}
  mailbox Trash {{
    auto = create
    special_use = \\Trash
  }}
  mailbox Junk {{
    auto = create
    special_use = \\Junk
  }}
  mailbox Archive {{
    auto = create
    special_use = \\Archive
  }}
}}
service anvil {{
  chroot =
}}
service dns-client {{
  chroot =
}}
service ipc {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap-urlauth-login {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = {ssl_listener}
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = {ssl_listener}
  }}
}}
"""
LOCATIONS = {
    "maildir": "maildir:~/mail:LAYOUT=fs:UTF-8:INBOX=~/inbox",
    "mbox": "mbox:~/mail:UTF-8:INBOX=~/inbox:INDEX=~/index",
    "mdbox": "mdbox:~/mdbox:UTF-8",
}
QUOTA = """
mail_plugins = quota
protocol imap {{
  mail_plugins = quota imap_quota
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage={kib}k
}}
"""
RAWLOG = """
protocol pop3 {{
  rawlog_dir = {home}/rawlog
}}
protocol imap {{
  rawlog_dir = {home}/rawlog
}}
"""


def addresses():
    """The loopback addresses that can be bound here."""
    found = ["127.0.0.1"]
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        found.append("::1")
    except OSError:
        pass
    return found


def free_ports(count):
    """Ports that were free on every loopback address a moment ago."""
    held, ports = [], []
    try:
        while len(ports) < count:
            first = socket.socket()
            held.append(first)
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                for address in addresses()[1:]:
                    other = socket.socket(socket.AF_INET6)
                    held.append(other)
                    other.bind((address, port))
            except OSError:
                continue
            ports.append(port)
    finally:
        for one in held:
            one.close()
    return ports


def runner():
    """(name, uid, gid) of the ordinary user that Dovecot runs as."""
    if os.geteuid() != 0:
        entry = pwd.getpwuid(os.geteuid())
        return entry.pw_name, entry.pw_uid, os.getegid()
    for name in ("dovecot", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_name, entry.pw_uid, entry.pw_gid
    raise Missing("root needs an ordinary user to run Dovecot as: neither dovecot nor nobody exists")


def group_name(gid):
    import grp
    return grp.getgrgid(gid).gr_name


def private_home():
    """A new folder whose path is short enough for Unix sockets below it."""
    for base in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR", ""), "/tmp"):
        usable = os.path.isabs(base) and os.access(base, os.W_OK | os.X_OK)
        if usable and len(base.encode()) + len("/bz-dovecot-12345678") <= HOME_MAX:
            # Spelt out by its real path: Dovecot compares paths as text.
            return pathlib.Path(os.path.realpath(tempfile.mkdtemp(prefix="bz-dovecot-", dir=base)))
    raise Failed("no folder for temporary files has a path short enough for sockets")


# --- the server ----------------------------------------------------------------------------------


class Dovecot:
    """users: {name: password}; mail: {name: {folder: [bytes or Message]} or the path of a TREE};
    layout: maildir, mbox or mdbox; quota: KiB or None; cert: see make_certificates; ssl: yes,
    required or no; rawlog: keep what is said on the line, once the session is over; config: more
    lines for dovecot.conf; parent: process whose end ends the server (0 = none)."""

    def __init__(self, users=None, mail=None, layout="maildir", quota=None, cert="good",
                 ssl="yes", rawlog=False, config="", parent=None):
        self.users, self.mail = users or {"ana": "secret"}, mail or {}
        self.layout, self.quota, self.cert, self.ssl = layout, quota, cert, ssl
        self.config, self.want_rawlog = config, rawlog
        self.parent = os.getpid() if parent is None else parent
        self.home = self.guard = self.master = None
        self.ports = {}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def ca_file(self):
        return str(self.home / "tls" / "ca.pem")

    @property
    def rawlog(self):
        return str(self.home / "rawlog") if self.want_rawlog else None

    def log(self):
        try:
            return (self.home / "dovecot.log").read_text(errors="replace")
        except OSError:
            return ""

    def info(self):
        return {"pid": self.master, "guard": self.guard, "home": str(self.home),
                "host": "localhost", "ports": self.ports, "ca_file": self.ca_file,
                "rawlog": self.rawlog, "log": str(self.home / "dovecot.log")}

    def start(self):
        self.program, openssl = require()
        self.user, self.uid, self.gid = runner()
        self.home = private_home()
        try:
            self._prepare(openssl)
            self._start_on_free_ports()
            if self.layout == "mdbox":
                self._import_mail()
        except BaseException:
            self.stop()
            raise
        return self

    def _prepare(self, openssl):
        make_certificates(openssl, self.home / "tls", self.cert)
        for name in ("run", "state", "users", "rawlog"):
            (self.home / name).mkdir(mode=0o700)
        lines = []
        for name, password in self.users.items():
            if not re.fullmatch(r"[A-Za-z0-9._@-]+", name) or re.search(r"[:\s]", password):
                raise Failed(f"a name or password that passwd-file cannot hold: {name}")
            lines.append(f"{name}:{{PLAIN}}{password}\n")
            self._fill(name, self.mail.get(name, {}))
        with open(self.home / "passwd", "w", opener=_private) as out:
            out.writelines(lines)
        if os.geteuid() == 0:
            _give_away(self.home, self.uid, self.gid)

    def _fill(self, name, folders):
        home = self.home / "users" / name
        home.mkdir(mode=0o700)
        if not isinstance(folders, dict):
            folders = read_tree(folders)
        source = home / "source" if self.layout == "mdbox" else home
        for folder, messages in folders.items():
            path = _folder_path(source, self.layout, folder)
            if self.layout == "mbox":
                write_mbox(path, messages)
            else:
                write_maildir(path, messages)
        if self.layout == "mbox":
            (home / "mail").mkdir(exist_ok=True)

    def _import_mail(self):
        doveadm = find_program("doveadm")
        for name in self.users:
            source = self.home / "users" / name / "source"
            if not source.exists():
                continue
            location = f"maildir:{source}/mail:LAYOUT=fs:UTF-8:INBOX={source}/inbox"
            argv = [doveadm, "-c", str(self.home / "dovecot.conf"), "import", "-u", name, location,
                    "", "all"]
            done = subprocess.run(argv, capture_output=True, text=True, cwd=self.home,
                                  **self._drop())
            if done.returncode != 0:
                raise Failed(f"doveadm import: {done.stderr.strip()}")
            shutil.rmtree(source)

    def _drop(self):
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def _write_config(self):
        text = CONFIG.format(
            home=self.home, user=self.user, group=group_name(self.gid), ssl=self.ssl,
            ssl_listener="no" if self.ssl == "no" else "yes", location=LOCATIONS[self.layout],
            listen=", ".join(addresses()), **self.ports)
        if self.quota is not None:
            text += QUOTA.format(kib=self.quota)
        if self.want_rawlog:
            text += RAWLOG.format(home=self.home)
        path = self.home / "dovecot.conf"
        path.write_text(text + self.config + "\n")
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def _start_on_free_ports(self):
        for _ in range(10):
            self.ports = dict(zip(PORT_NAMES, free_ports(len(PORT_NAMES))))
            self._write_config()
            self._start_guard()
            if self._wait_for_greetings():
                return
            log = self.log()
            self._end_guard()
            if "Address already in use" not in log:
                raise Failed(f"Dovecot did not start:\n{log}")
            (self.home / "dovecot.log").unlink()
        raise Failed("ten times the free ports were taken by others before Dovecot had them")

    def _start_guard(self):
        argv = [sys.executable, os.path.abspath(__file__), "guard", str(self.home),
                "--parent", str(self.parent), "--uid", str(self.uid), "--gid", str(self.gid)]
        # Dovecot outlives this call, so nothing of the caller's may stay open in it.
        with open(self.home / "guard.log", "wb") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=log, start_new_session=True, cwd="/")
        self.guard = process.pid
        self._guard_process = process
        with process.stdout:
            line = process.stdout.readline()
        if not line:
            raise Failed(f"the guard did not start: {(self.home / 'guard.log').read_text()}")
        self.master = int(line)

    def _wait_for_greetings(self):
        limit = time.monotonic() + START_SECONDS
        pidfd = os.pidfd_open(self.guard)
        try:
            waiting = [name for name in PORT_NAMES if self.ssl != "no" or name[-1] != "s"]
            while waiting and time.monotonic() < limit:
                if _greets(self.ports[waiting[0]], waiting[0].endswith("s"), limit):
                    waiting.pop(0)
                elif select.select([pidfd], [], [], 0.02)[0]:
                    return False
            return not waiting
        finally:
            os.close(pidfd)

    def _end_guard(self):
        if self.guard is None:
            return
        _signal(self.guard, signal.SIGTERM)
        process = getattr(self, "_guard_process", None)
        if process is not None:
            process.wait()
        else:
            _wait_gone(self.guard, 2 * STOP_SECONDS + 5)
        self.guard = self.master = None

    def stop(self):
        self._end_guard()
        if self.home is not None:
            shutil.rmtree(self.home, ignore_errors=True)

    def pause(self):
        """SIGSTOP every process of the server."""
        os.killpg(self.master, signal.SIGSTOP)

    def resume(self):
        os.killpg(self.master, signal.SIGCONT)

    def halt(self):
        """Kill every process of the server; what it stores stays."""
        self._end_guard()

    def revive(self):
        """After halt: on the same ports again."""
        self.user, self.uid, self.gid = runner()
        self._start_guard()
        if not self._wait_for_greetings():
            raise Failed(f"Dovecot did not start again:\n{self.log()}")


def _private(path, flags):
    return os.open(path, flags, 0o600)


def _give_away(root, uid, gid):
    os.chown(root, uid, gid)
    for folder, names, files in os.walk(root):
        for name in names + files:
            os.chown(os.path.join(folder, name), uid, gid, follow_symlinks=False)


def _greets(port, tls, limit):
    """Does the server on this port answer? TLS: that it takes the connection says it is bound; the
    plain port of the same login service has greeted by then."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            if tls:
                return True
            line.settimeout(max(0.1, limit - time.monotonic()))
            return line.recv(1) in (b"*", b"+")
    except OSError:
        return False


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _wait_gone(pid, seconds):
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([pidfd], [], [], seconds)
    finally:
        os.close(pidfd)


# --- the guard -----------------------------------------------------------------------------------


def _die_with_guard():
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _kill_group(group):
    """End every process of the group: all are asked, resumed so that they can; what has not
    followed within STOP_SECONDS is killed. Nothing of the server's files is kept, so no harm."""
    _signal_group(group, signal.SIGTERM)
    _signal_group(group, signal.SIGCONT)
    if not _group_ended(group, STOP_SECONDS):
        _signal_group(group, signal.SIGKILL)
        _group_ended(group, STOP_SECONDS)


def _signal_group(group, number):
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def _group_ended(group, seconds):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def run_guard(home, parent, uid, gid):
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    # Orphans of the server come to us, not to init.
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
    watched = [wake_read]
    if parent:
        try:
            watched.append(os.pidfd_open(parent))
        except ProcessLookupError:
            return 1
    drop = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
    program, _ = require()
    server = subprocess.Popen([program, "-F", "-c", f"{home}/dovecot.conf"],
                              stdin=subprocess.DEVNULL, stdout=sys.stderr, cwd=home,
                              preexec_fn=_die_with_guard, **drop)
    watched.append(os.pidfd_open(server.pid))
    with open(f"{home}/master.pid", "w") as out:
        out.write(f"{server.pid}\n")
    print(server.pid, flush=True)
    os.close(1)
    ready = select.select(watched, [], [])[0]
    _kill_group(server.pid)
    # Who started us is gone: nobody else will clear up.
    if parent and watched[1] in ready:
        shutil.rmtree(home, ignore_errors=True)
    return 0


# --- command line --------------------------------------------------------------------------------


def _state_file(folder):
    return pathlib.Path(folder) / "dovecot.json"


def _attach(folder):
    """The server that `start` left running in folder."""
    try:
        info = json.loads(_state_file(folder).read_text())
    except FileNotFoundError:
        sys.exit(f"dovecot.py: no server was started in {folder}")
    server = Dovecot()
    server.home, server.guard = pathlib.Path(info["home"]), info["guard"]
    server.master, server.ports = info["pid"], info["ports"]
    # A number that was given to another process since is not ours to signal.
    try:
        line = pathlib.Path(f"/proc/{server.guard}/cmdline").read_bytes()
    except OSError:
        line = b""
    if os.fsencode(server.home) not in line.split(b"\0"):
        server.guard = server.master = None
    server.parent = info["parent"]
    return server, info


def _keep(folder, server):
    _state_file(folder).write_text(json.dumps({**server.info(), "parent": server.parent}) + "\n")


def _start_command(options):
    folder = pathlib.Path(options.dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _state_file(folder).exists():
        sys.exit(f"dovecot.py: a server was already started in {folder}")
    users = dict(one.split(":", 1) for one in options.user) or {"ana": "secret"}
    mail = dict(one.split("=", 1) for one in options.mail)
    server = Dovecot(users, mail, options.layout, options.quota, options.cert, options.ssl,
                     options.rawlog, options.config, options.parent)
    server.start()
    _keep(folder, server)
    print(json.dumps(server.info()))


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start")
    start.add_argument("--user", action="append", default=[], metavar="NAME:PASS")
    start.add_argument("--mail", action="append", default=[], metavar="USER=TREE")
    start.add_argument("--layout", choices=sorted(LOCATIONS), default="maildir")
    start.add_argument("--quota", type=int, metavar="KIB")
    start.add_argument("--cert", default="good",
                       choices=("good", "expired", "future", "name", "self-signed"))
    start.add_argument("--ssl", choices=("yes", "required", "no"), default="yes")
    start.add_argument("--rawlog", action="store_true")
    start.add_argument("--config", default="", help="more lines for dovecot.conf")
    start.add_argument("--parent", type=int, default=0, metavar="PID",
                       help="stop when this process ends")
    for name in ("stop", "pause", "resume", "halt", "revive", "info"):
        commands.add_parser(name)
    guard = commands.add_parser("guard")
    for name in ("--parent", "--uid", "--gid"):
        guard.add_argument(name, type=int, required=True)
    for one in commands.choices.values():
        one.add_argument("dir", metavar="DIR")
    return parser.parse_args()


def main():
    try:
        options = _arguments()
    except SystemExit as end:
        sys.exit(EX_USAGE if end.code else 0)
    try:
        if options.command == "guard":
            sys.exit(run_guard(options.dir, options.parent, options.uid, options.gid))
        if options.command == "start":
            _start_command(options)
            return
        server, info = _attach(options.dir)
        if options.command == "info":
            print(json.dumps(info))
        elif options.command == "stop":
            server.stop()
            _state_file(options.dir).unlink()
        elif options.command == "revive":
            server.revive()
            _keep(options.dir, server)
        elif server.master is None:
            sys.exit("dovecot.py: that server has ended")
        else:
            getattr(server, options.command)()
    except Missing as why:
        print(f"dovecot.py: {why}", file=sys.stderr)
        sys.exit(EX_UNAVAILABLE)
    except Failed as why:
        print(f"dovecot.py: {why}", file=sys.stderr)
        sys.exit(EX_SOFTWARE)


if __name__ == "__main__":
    main()
