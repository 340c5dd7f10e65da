#!/usr/bin/env python3
"""Certificates that are not the server's, and STARTTLS under attack (SECURITY.md C1-C5), on the four ports
of IMAP and POP: the password stays here, the program ends with a sentence, nothing is believed."""

import pathlib
import ssl
import sys
import tempfile
import warnings

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.dont_write_bytecode = True
import dovecot  # noqa: E402
from fake import Certificates, Fake, Home, PASSWORD, call, died, imap, pop  # noqa: E402
import tap  # noqa: E402
from tap import test  # noqa: E402

SECRET = PASSWORD.encode()


# --- C1: certificates ----------------------------------------------------------------------------


def clear_then_tls(protocol):
    """A server that offers STARTTLS in the usual way, then goes on inside."""

    def script(line):
        line.send("* OK ready\r\n" if protocol == "imap" else "+OK ready\r\n")
        words = line.line().split(" ")
        line.send(f"{words[0]} OK go\r\n" if protocol == "imap" else "+OK go\r\n")
        line.start_tls()
        (imap(greeting=None) if protocol == "imap" else pop(greeting=None))(line)

    return script


def check_certificates(certs):
    for protocol, security in four():
        for kind in ("good", "expired", "future", "name", "self-signed", "cn-only", "wildcard", "client",
                     "unknown"):
            context, ca = certs.get("good" if kind == "unknown" else kind)
            if kind == "unknown":
                ca = certs.get("expired")[1]  # another authority
            done, got, clear = session(protocol, security, context, ca)
            if kind == "good":
                test(f"C1 {protocol} {security}: a good certificate is accepted",
                     done.returncode == 0 and SECRET in got and not clear, done)
            else:
                test(f"C1 {protocol} {security}: {kind} is refused, the password stays",
                     done.returncode == 76 and SECRET not in got and b"SHA-256" in done.stderr, done)


HIDDEN = b"localhost\0.evil.example"
NAMES = [  # label, subjectAltName, the server's name in buzonrc, is it the server?
    ("a NUL in the name", "DER:30:%02X:82:%02X:" % (len(HIDDEN) + 2, len(HIDDEN)) + HIDDEN.hex(":"), "localhost",
     False),
    ("a wildcard for a name", "DNS:*.b.localhost", "mail.b.localhost", True),
    ("a wildcard over a whole top level", "DNS:*.localhost", "mail.localhost", False),
    ("a wildcard for two labels", "DNS:*.b.localhost", "x.mail.b.localhost", False),
    ("a wildcard for its own parent", "DNS:*.b.localhost", "b.localhost", False),
    ("half a wildcard", "DNS:m*.b.localhost", "mail.b.localhost", False),
    ("an address where an address is meant", "IP:127.0.0.1", "127.0.0.1", True),
    ("a name that looks like the address", "DNS:127.0.0.1", "127.0.0.1", False),
    ("another address", "IP:127.0.0.2", "127.0.0.1", False),
    ("an address where a name is meant", "IP:127.0.0.1", "localhost", False),
]


def session(protocol, security, context, ca, host="localhost"):
    """One run of buzon against a server that behaves: (done, everything it got, was the password clear?)"""
    plain = imap() if protocol == "imap" else pop()
    script = plain if security == "tls" else clear_then_tls(protocol)
    with Fake(script, security == "tls", context) as server, \
            Home(protocol, server.port, security, ca, host=host) as home:
        done = call(home, protocol)
        return done, server.got, any(SECRET in line.clear for line in server.lines)


def four():
    return [(protocol, security) for protocol in ("imap", "pop") for security in ("tls", "starttls")]


def check_names(certs):
    for i, (label, names, host, good) in enumerate(NAMES):
        context, ca = certs.get(f"names-{i}", names)
        bad = []
        for protocol, security in four():
            done, got, clear = session(protocol, security, context, ca, host)
            if (done.returncode != (0 if good else 76)) or (SECRET in got) != good or clear:
                bad.append((protocol, security, done, got))
        test(f"C1 {label} ({host}): {'accepted' if good else 'refused'} on the four ports", not bad, bad)


def check_versions(certs):
    _, ca = certs.get("good")
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context, bad = certs.context("good"), []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
        for protocol, security in four():
            done, got, _ = session(protocol, security, context, ca)
            if done.returncode != 76 or SECRET in got or b"No safe connection" not in done.stderr:
                bad.append((protocol, security, done, got))
        test(f"C1 {version.name} alone is refused on the four ports", not bad, bad)
    context = certs.context("good")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    test("C1 TLS 1.2 is accepted", session("imap", "tls", context, ca)[0].returncode == 0)


# --- C2 to C5: STARTTLS --------------------------------------------------------------------------


def check_injected(certs):
    context, ca = certs.get("good")
    for protocol, answer, extra in (("imap", b"s OK go\r\n", b"* OK planted\r\nB1 OK in\r\n"),
                                    ("pop", b"+OK go\r\n", b"+OK planted\r\n")):
        whole = answer + extra
        bad = []
        for cut in range(1, len(whole) + 1):
            def script(line):
                line.send("* OK ready\r\n" if protocol == "imap" else "+OK ready\r\n")
                line.line()
                line.send(whole[:cut])
                line.send(whole[cut:])
                line.start_tls()
                (imap(greeting=None) if protocol == "imap" else pop(greeting=None))(line)
            with Fake(script, False, context) as server, \
                    Home(protocol, server.port, "starttls", ca) as home:
                done = call(home, protocol)
                if done.returncode == 0 or SECRET in server.got:
                    bad.append((cut, done.returncode))
        test(f"C2 {protocol}: bytes behind the STARTTLS answer end it, at every split", not bad, bad)


def check_ahead(certs):
    """The answer to STARTTLS sent with the greeting, before it was asked for."""
    context, ca = certs.get("good")
    for protocol, text in (("imap", "* OK ready\r\ns OK go\r\n"), ("pop", "+OK ready\r\n+OK go\r\n")):
        def script(line):
            line.send(text)
            line.line()
            line.start_tls()
            (imap(greeting=None) if protocol == "imap" else pop(greeting=None))(line)
        with Fake(script, False, context) as server, \
                Home(protocol, server.port, "starttls", ca) as home:
            done = call(home, protocol)
        test(f"C2 {protocol}: an answer that comes before the question ends it",
             done.returncode == 76 and server.got == b"", (done, server.got))


REFUSALS = {
    "imap": [("* OK ready\r\n", "s NO not now\r\n"), ("* OK ready\r\n", "s BAD what\r\n"),
             ("* OK ready\r\n", "* BYE going\r\n"), ("* OK ready\r\n", "x OK other tag\r\n"),
             ("* OK ready\r\n", "+ go\r\n"), ("* OK ready\r\n", ""), ("* BYE no\r\n", ""),
             ("garbage\r\n", "s OK go\r\n"), ("* NO\r\n", "s OK go\r\n"), ("", ""),
             ("HTTP/1.1 400 Bad Request\r\n\r\n", ""), ("* OKAY\r\n", "s OK go\r\n")],
    "pop": [("+OK ready\r\n", "-ERR no\r\n"), ("+OK ready\r\n", "what\r\n"), ("+OK ready\r\n", ""),
            ("-ERR busy\r\n", "+OK\r\n"), ("garbage\r\n", "+OK\r\n"), ("", ""),
            ("+OKAY\r\n", "+OK\r\n")],
}


def check_stripped(certs):
    _, ca = certs.get("good")
    for protocol, cases in REFUSALS.items():
        bad = []
        for greeting, reply in cases:
            def script(line):
                line.send(greeting)
                if not greeting:
                    return
                line.line()
                line.send(reply)
                if not reply:
                    return
                while True:  # whatever comes now came in clear
                    line.line()
                    line.send("B1 OK sure\r\n" if protocol == "imap" else "+OK\r\n")
            with Fake(script) as server, Home(protocol, server.port, "starttls", ca) as home:
                done = call(home, protocol)
                if done.returncode == 0 or died(done) or SECRET in server.got \
                        or b"LOGIN" in server.got or b"USER" in server.got:
                    bad.append((greeting, reply, done.returncode, server.got))
        test(f"C3 {protocol}: STARTTLS stripped or refused in {len(cases)} ways, nothing leaks",
             not bad, bad)


def check_preauth(certs):
    context, ca = certs.get("good")
    for security in ("starttls", "tls"):
        greeting = "* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome\r\n"
        with Fake(imap(greeting=greeting), security == "tls", context) as server, \
                Home("imap", server.port, security, ca) as home:
            done = call(home, "imap")
            test(f"C4 PREAUTH with {security}: closed, no command but STARTTLS was sent",
                 done.returncode == 76 and server.got in (b"", b"s STARTTLS\r\n"),
                 (done, server.got))


def check_planted(certs):
    context, ca = certs.get("good")
    plants = ["* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=CRAM-MD5\r\n", '* LIST () "/" PLANTED\r\n',
              "* 99 EXISTS\r\n", "* FLAGS (\\Evil)\r\n", "* OK [UIDVALIDITY 666] x\r\n",
              "* 77 FETCH (UID 77 FLAGS ())\r\n", "* OK [CAPABILITY LOGINDISABLED] x\r\n", "* SEARCH 1\r\n",
              '* STATUS PLANTED (MESSAGES 9)\r\n', "* 5 EXPUNGE\r\n"]
    bad = []
    for plant in plants:
        def script(line):
            line.send("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n")
            line.line()
            line.send(plant + "s OK go\r\n")
            line.start_tls()
            imap(greeting=None)(line)
        with Fake(script, False, context) as server, \
                Home("imap", server.port, "starttls", ca) as home:
            done = call(home, "imap")
            said = done.stdout.decode()
            clear = any(SECRET in line.clear for line in server.lines)
            if done.returncode != 0 or said.count("letter") != 3 or "letter 77" in said \
                    or clear or home.run("list", "Casa/PLANTED").returncode == 0:
                bad.append((plant, done))
    test("C5: nothing said before TLS is known after it", not bad, bad)


def main():
    if dovecot.find_program("openssl") is None:
        print("1..0 # SKIP openssl is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="bz-certs-") as folder:
        certs = Certificates(folder)
        check_certificates(certs)
        check_names(certs)
        check_versions(certs)
        check_injected(certs)
        check_ahead(certs)
        check_stripped(certs)
        check_preauth(certs)
        check_planted(certs)
    tap.done()


if __name__ == "__main__":
    main()
