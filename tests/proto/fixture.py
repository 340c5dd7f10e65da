#!/usr/bin/env python3
"""The Dovecot fixture keeps its word: mail as given, real TLS, nothing left behind."""

import imaplib
import os
import pathlib
import poplib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
import dovecot  # noqa: E402
from dovecot import Dovecot, Message, Missing  # noqa: E402
from tap import test  # noqa: E402

HELLO = b"From: Ana <ana@example.org>\nSubject: hello\n\nOne line.\n.\nFrom here on\n"
MAIL = {"ana": {"INBOX": [HELLO, Message(HELLO, {"seen", "flagged"}, 1700000000)],
                "A\u00f1o nuevo/\u65e5\u672c": [HELLO]}}


def trust(server):
    return ssl.create_default_context(cafile=server.ca_file)


def imap(server, port="imaps"):
    line = imaplib.IMAP4_SSL("localhost", server.ports[port], ssl_context=trust(server))
    line.login("ana", "secret")
    return line


def gone(pids):
    for pid in pids:
        dovecot._wait_gone(pid, 10)
    return not any(runs(pid) for pid in pids)


def runs(pid):
    """Not ended; one that nobody has waited for yet has."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def group(server):
    """Every process of the server, and its guard."""
    found = [server.guard]
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == server.master:
            found.append(int(entry.parent.name))
    return found


def check_layout(layout):
    with Dovecot(mail=MAIL, layout=layout) as server:
        line = imap(server)
        line.select("INBOX", readonly=True)
        data = line.fetch("1:2", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
        parts = [part for part in data if isinstance(part, tuple)]
        bodies = [part[1] for part in parts]
        test(f"{layout}: messages come back as given",
             bodies == [HELLO.replace(b"\n", b"\r\n")] * 2)
        test(f"{layout}: flags and arrival are those given",
             b"\\Seen" not in parts[0][0] and b"\\Seen" in parts[1][0]
             and b"\\Flagged" in parts[1][0] and b"14-Nov-2023 22:13:20 +0000" in parts[1][0])
        listed = b"\n".join(line.list()[1])
        test(f"{layout}: folders with other letters and the special ones are there",
             b"A&APE-o nuevo/&ZeVnLA-" in listed
             and all(b"\\" + one in listed for one in (b"Sent", b"Drafts", b"Trash", b"Junk",
                                                       b"Archive")))
        line.logout()


def check_doors(server):
    pop = poplib.POP3_SSL("localhost", server.ports["pop3s"], context=trust(server))
    pop.user("ana")
    pop.pass_("secret")
    test("POP3 over TLS lists the Inbox", pop.stat()[0] == 2)
    body = b"\n".join(pop.retr(1)[1]) + b"\n"
    test("a lone dot and a From line survive POP3", body == HELLO)
    pop.quit()
    pop = poplib.POP3("localhost", server.ports["pop3"])
    pop.stls(context=trust(server))
    test("POP3 offers STLS", isinstance(pop.sock, ssl.SSLSocket))
    pop.close()
    line = imaplib.IMAP4("localhost", server.ports["imap"])
    line.starttls(ssl_context=trust(server))
    test("IMAP offers STARTTLS", isinstance(line.sock, ssl.SSLSocket))
    line.shutdown()
    said = b"".join(path.read_bytes() for path in pathlib.Path(server.rawlog).iterdir())
    test("the rawlog holds what was said after login", b"RETR 1" in said and b"secret" not in said)


def check_pause(server):
    line = imap(server)
    server.pause()
    line.sock.settimeout(0.2)
    try:
        line.noop()
        silent = False
    except (TimeoutError, imaplib.IMAP4.abort):
        silent = True
    test("a paused server says nothing", silent)
    server.resume()
    line.sock.settimeout(20)
    test("a resumed one goes on", line.sock.recv(1000).endswith(b"\r\n"))
    line.shutdown()


def check_certificate(kind, reason):
    with Dovecot(cert=kind) as server:
        try:
            context = trust(server) if kind != "self-signed" else ssl.create_default_context()
            with socket.create_connection(("127.0.0.1", server.ports["imaps"])) as line:
                context.wrap_socket(line, server_hostname="localhost")
            why = "accepted"
        except ssl.SSLCertVerificationError as error:
            why = error.verify_message
        test(f"certificate {kind}: {why}", reason in why)


def check_parent_killed():
    script = ("import sys; sys.path.insert(0, sys.argv[1]); from dovecot import Dovecot; import os\n"
              "s = Dovecot().start(); s.pause(); print(s.guard, s.master, s.home, flush=True)\n"
              "sys.stdin.read()")
    process = subprocess.Popen([sys.executable, "-c", script, str(HERE.parent / "lib")],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    guard, master, home = process.stdout.readline().split()
    probe = Dovecot()
    probe.guard, probe.master = int(guard), int(master)
    pids = group(probe)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    test("its caller killed, even while paused: no process and no file stays",
         len(pids) > 3 and gone(pids) and not os.path.exists(home))


def check_guard_killed():
    server = Dovecot().start()
    pids = group(server)
    os.kill(server.guard, signal.SIGKILL)
    test("its guard killed: no process stays", gone(pids[1:]))
    server.stop()
    test("and stop() clears up", not server.home.exists())


def command(*argv, **more):
    return subprocess.run([sys.executable, str(HERE.parent / "lib" / "dovecot.py"), *argv],
                          capture_output=True, text=True, **more)


def check_command():
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder, "tree", "Listas")
        tree.mkdir(parents=True)
        tree.joinpath("dev.mbox").write_bytes(
            b"From a@example.org Tue Nov 14 22:13:20 2023\nStatus: RO\nSubject: x\n\n>From me\n\n"
            b"From b@example.org Tue Nov 14 22:13:21 2023\nSubject: y\n\nbye\n\n")
        started = command("start", folder, "--user", "eva:pw", "--mail", f"eva={tree.parent}")
        info = dovecot.json.loads(started.stdout)
        line = imaplib.IMAP4("localhost", info["ports"]["imap"])
        line.login("eva", "pw")
        line.select("Listas/dev", readonly=True)
        data = line.fetch("1", "(FLAGS BODY.PEEK[])")[1][0]
        test("command: a TREE of mbox files is served",
             data[1] == b"Subject: x\r\n\r\nFrom me\r\n" and b"\\Seen" in data[0])
        line.logout()
        again = command("start", folder)
        test("command: a second start in the same folder is refused", again.returncode == 1)
        probe = Dovecot()
        probe.guard, probe.master = info["guard"], info["pid"]
        pids = group(probe)
        stopped = command("stop", folder)
        test("command: stop leaves no process and no file", stopped.returncode == 0
             and gone(pids) and not os.path.exists(info["home"]))
        parent = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        second = command("start", folder, "--parent", str(parent.pid))
        info = dovecot.json.loads(second.stdout)
        parent.stdin.close()
        parent.wait()
        test("command: it ends with --parent", gone([info["pid"], info["guard"]]))


def check_missing():
    with tempfile.TemporaryDirectory() as folder:
        script = ("import sys; sys.path.insert(0, sys.argv[1]); import dovecot\n"
                  "dovecot.find_program = lambda name: None\n"
                  "sys.argv = ['dovecot.py', 'start', sys.argv[2]]\ndovecot.main()")
        done = subprocess.run([sys.executable, "-c", script, str(HERE.parent / "lib"), folder],
                              capture_output=True, text=True)
        test("no Dovecot: 69 and a sentence",
             done.returncode == 69 and "not installed" in done.stderr)


def main():
    try:
        dovecot.require()
    except Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    print("1..31")
    for layout in ("maildir", "mbox", "mdbox"):
        check_layout(layout)
    with Dovecot(mail=MAIL, rawlog=True, quota=1000) as server:
        line = imap(server)
        test("the quota is told", b"STORAGE" in b"".join(map(str.encode, map(str,
             line.getquotaroot("INBOX")[1]))))
        line.logout()
        check_doors(server)
        check_pause(server)
        pids = group(server)
    test("stop leaves no process", len(pids) > 3 and gone(pids))
    test("and no file", not server.home.exists())
    check_certificate("expired", "expired")
    check_certificate("future", "not yet valid")
    check_certificate("name", "ostname mismatch")
    check_certificate("self-signed", "self")
    check_parent_killed()
    check_guard_killed()
    check_command()
    check_missing()


if __name__ == "__main__":
    main()
