#!/usr/bin/env python3
"""The demonstration without a terminal, with a stand-in for buzon: what it is told, and what stays."""

import json
import os
import pathlib
import pty
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.path.insert(0, str(ROOT / "contrib" / "demo"))
import demo  # noqa: E402
import dovecot  # noqa: E402
from tap import test  # noqa: E402

# Notes how it was called; logs in to both servers of its buzonrc over TLS; answers list --json.
STAND_IN = r"""#!/usr/bin/env python3
import configparser, imaplib, json, os, poplib, signal, ssl, stat, sys
note = os.environ["DEMO_NOTE"]
rc = os.path.join(os.environ["XDG_CONFIG_HOME"], "buzon", "buzonrc")
said = {"argv": sys.argv[1:], "home": os.environ["HOME"], "locale": os.environ["BUZON_LOCALEDIR"]}
if os.path.exists(rc):
    said["mode"] = stat.S_IMODE(os.stat(rc).st_mode)
    found = configparser.ConfigParser(); found.read(rc)
    casa, trabajo = found['account "Casa"'], found['account "Trabajo"']
    trust = ssl.create_default_context(cafile=casa["tls-ca-file"])
    line = imaplib.IMAP4_SSL("localhost", int(casa["server"].split(":")[1]), ssl_context=trust)
    line.login(casa["user"], casa["password"])
    said["imap"] = int(line.select("INBOX", readonly=True)[1][0])
    said["folders"] = [one.decode() for one in line.list()[1]]
    line.logout()
    pop = poplib.POP3_SSL("localhost", int(trabajo["server"].split(":")[1]), context=trust)
    pop.user(trabajo["user"]); pop.pass_(trabajo["password"])
    said["pop"] = pop.stat()[0]
    pop.quit()
with open(note, "a") as out:
    out.write(json.dumps(said) + "\n")
if "--json" in sys.argv:
    print(json.dumps({"ref": "REF:1"}))
if os.environ.get("DEMO_HANG"):
    if sys.stdout.isatty():
        signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
    print("hanging", flush=True)
    signal.pause()
sys.exit(3 if os.environ.get("DEMO_FAIL") in sys.argv else 0)
"""


class Run:
    """One run of the demonstration in a temporary folder of its own."""

    def __init__(self, folder, name, **environment):
        self.temp = pathlib.Path(folder, name)
        build = self.temp / "build"
        build.mkdir(parents=True)
        (build / "buzon").write_text(STAND_IN)
        (build / "buzon").chmod(0o755)
        self.note, self.build = self.temp / "note", build
        self.tmpdir = self.temp / "t"
        self.tmpdir.mkdir()
        self.environment = dict(os.environ, TMPDIR=str(self.tmpdir), DEMO_NOTE=str(self.note),
                                **environment)

    def popen(self, *more, **pipes):
        argv = [sys.executable, str(ROOT / "contrib" / "demo" / "demo.py"), "--build",
                str(self.build), *more]
        return subprocess.Popen(argv, env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                **pipes)

    def finish(self, *more):
        process = self.popen(*more)
        self.output = process.communicate(timeout=120)[0]
        self.code = process.returncode
        return self

    def calls(self):
        return [json.loads(line) for line in self.note.read_text().splitlines()]

    def left(self):
        return [path.name for path in self.tmpdir.iterdir()]


def check_mail(folder):
    target = pathlib.Path(folder, "mail")
    demo.copy_mail(ROOT / "contrib" / "demo" / "mail", target)
    now = dovecot.time.time()
    boxes = {path: dovecot.read_mbox(path.read_bytes()) for path in target.rglob("*.mbox")}
    times = [one.received for box in boxes.values() for one in box]
    test("about 60 messages in several folders", 55 <= len(times) <= 70 and len(boxes) >= 7)
    test("the newest came minutes ago", 0 < now - max(times) < 3600)
    away = [demo.mktime_tz(demo.parsedate_tz(line[5:].decode())) - one.received
            for box in boxes.values() for one in box
            for line in one.data.split(b"\n\n")[0].split(b"\n") if line.startswith(b"Date:")]
    test("every Date: moved with its From_ line",
         len(away) == len(times) and all(-120 < seconds <= 0 for seconds in away))
    plain = {path: path.read_bytes() for path in
             (ROOT / "contrib" / "demo" / "mail").rglob("*.mbox")}
    test("moved by nothing, the mail is as it was",
         all(demo.shift_mbox(data, 0) == data for data in plain.values()))


def check_lists(folder):
    run = Run(folder, "lists").finish()
    calls = run.calls()
    words = [call["argv"] for call in calls]
    test("exit code 0", run.code == 0)
    test("both accounts are listed, the POP one is fetched, one message of each is shown",
         words == [["list", "Casa"], ["list", "Casa", "--limit", "1", "--json"], ["show", "REF:1"],
                   ["fetch", "Trabajo"], ["list", "Trabajo"],
                   ["list", "Trabajo", "--limit", "1", "--json"], ["show", "REF:1"]])
    test("both servers answer over TLS trusted by tls-ca-file",
         all(call["imap"] == 22 and call["pop"] == 12 for call in calls))
    test("the folder with an accent is there", any("A&APE-o nuevo" in name
                                                   for name in calls[0]["folders"]))
    test("buzonrc is private", calls[0]["mode"] == 0o600)
    test("HOME is in the temporary folder, the locale is the build's",
         calls[0]["home"].startswith(str(run.tmpdir))
         and calls[0]["locale"] == str(run.build / "locale"))
    test("it says where the files were, and none is left",
         calls[0]["home"] in run.output and run.left() == [])


def check_keep(folder):
    run = Run(folder, "keep").finish("--keep")
    home = run.calls()[0]["home"]
    test("--keep leaves the files", run.left() == [os.path.basename(home)]
         and os.path.exists(os.path.join(home, "config", "buzon", "buzonrc")))


def check_failure(folder):
    run = Run(folder, "fail", DEMO_FAIL="fetch").finish()
    test("a command that failed makes it fail, after all were tried",
         run.code == 1 and len(run.calls()) == 7)


def check_signal(folder, one):
    run = Run(folder, one.name, DEMO_HANG="1")
    process = run.popen()
    while process.stdout.readline() not in ("hanging\n", ""):
        pass
    process.send_signal(one)
    process.stdout.read()
    process.stdout.close()
    code = process.wait(60)
    test(f"{one.name}: ends, and no file is left", code == 128 + one and run.left() == [])


def check_terminal(folder):
    run = Run(folder, "tty", DEMO_HANG="1")
    argv = [sys.executable, str(ROOT / "contrib" / "demo" / "demo.py"), "--build", str(run.build)]
    pid, line = pty.fork()
    if pid == 0:
        os.execve(sys.executable, argv, run.environment)
    shown = b""
    try:
        while b"hanging" not in shown:
            shown += os.read(line, 4096)
        os.write(line, b"\x03")
        while True:
            os.read(line, 4096)
    except OSError:  # EIO: everybody on the terminal has ended
        pass
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(line)
    test("on a terminal buzon is opened, with no arguments",
         [call["argv"] for call in run.calls()] == [[]])
    test("Ctrl-C there is for buzon, whose exit code is ours", code == 7 and run.left() == [])


def check_no_server(folder):
    run = Run(folder, "none")
    script = run.temp / "none.py"
    script.write_text("import sys; sys.path[:0] = sys.argv[1:3]; import dovecot\n"
                      "dovecot.find_program = lambda name: None\nimport demo\n"
                      "sys.argv = ['demo', '--build', sys.argv[3]]\nsys.exit(demo.main())\n")
    done = subprocess.run([sys.executable, str(script), str(ROOT / "tests" / "lib"),
                           str(ROOT / "contrib" / "demo"), str(run.build)], env=run.environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    words = [call["argv"] for call in run.calls()]
    test("no Dovecot: it says so and shows the sample mbox",
         done.returncode == 0 and "not installed" in done.stdout and words[0][0] == "list"
         and words[0][1].endswith("casa/INBOX.mbox") and words[-1] == ["show", "REF:1"]
         and run.left() == [])


def main():
    try:
        dovecot.require()
    except dovecot.Missing as why:
        print(f"1..0 # SKIP {why}")
        return
    print("1..19")
    # Short, for the sockets of the server below it.
    with tempfile.TemporaryDirectory(prefix="bzd-", dir="/tmp") as folder:
        if os.geteuid() == 0:
            os.chmod(folder, 0o711)  # the server runs as another user
        check_mail(folder)
        check_lists(folder)
        check_keep(folder)
        check_failure(folder)
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            check_signal(folder, one)
        check_terminal(folder)
        check_no_server(folder)


if __name__ == "__main__":
    main()
