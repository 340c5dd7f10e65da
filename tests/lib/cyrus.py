"""A running Cyrus IMAP server, for what Dovecot does not tell apart from the protocol.

BUZON_CYRUS names its folder: cyrus.conf there says where it listens (in clear and with TLS), cert.pem is
its certificate; it has a user ana whose password is secret. Her mail there is replaced."""

import imaplib
import os
import pathlib
import re


def there():
    """Its folder, or None."""
    folder = os.environ.get("BUZON_CYRUS")
    return pathlib.Path(folder) if folder else None


class Cyrus:
    """with Cyrus(mail) as server: mail: folder -> messages (bytes). Where tests expect a Dovecot."""

    def __init__(self, mail):
        services = re.findall(r'(\w+) cmd=.* listen="[\d.]*:(\d+)"', (there() / "cyrus.conf").read_text())
        self.ports = {name: int(port) for name, port in services}
        self.ca_file, self.mail = str(there() / "cert.pem"), mail

    def login(self):
        line = imaplib.IMAP4("127.0.0.1", self.ports["imap"])
        line.login("ana", "secret")
        return line

    def start(self):
        line = self.login()
        for row in line.list()[1]:
            name = re.search(rb' "/" "?(.*?)"?$', row)[1].decode()
            if name.startswith(("Other Users", "Shared Folders")):
                continue
            if name in ("INBOX", "Sent", "Drafts", "Trash", "Archive"):
                line.select(f'"{name}"')
                line.uid("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
                line.expunge()
                line.close()
            else:
                line.delete(f'"{name}"')
        for name, messages in self.mail.items():
            if name != "INBOX":
                line.create(f'"{name}"')
            for message in messages:
                line.append(f'"{name}"', None, None, message.replace(b"\n", b"\r\n"))
        line.logout()
        return self

    def stop(self):
        pass  # whoever started it stops it

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
