"""What a power loss may leave of the files, built from fault.so's record of what a program did.

Strict, as POSIX allows: bytes are durable once their file was synced, a name once its folder was. Of
all else any part may be there: a write, half of it in sectors, only the size that it gave, or nothing;
a name or none. Calls are known by one letter:

    C path (a new file)    T (a new file without a name)    W bytes at an offset    Z a size
    S synced               R from -> to                     L a second name         U a name less
    D a folder             N bytes sent to the server"""

import dataclasses
import os
import struct

HEAD = struct.Struct("<cQqII")
SECTOR = 512
LONG_AGO = 1600000000


@dataclasses.dataclass
class Call:
    op: str
    thing: object      # of C T W Z S L: the file's number, or a folder's path
    off: int
    path: str
    data: bytes
    durable_at: int = 1 << 60  # the number of the first call before which it is durable


def read_record(path):
    raw, at = path.read_bytes(), 0
    while at + HEAD.size <= len(raw):
        op, ino, off, path_len, n = HEAD.unpack_from(raw, at)
        at += HEAD.size
        path, data = raw[at:at + path_len].decode(), raw[at + path_len:at + path_len + n]
        at += path_len + n
        yield op.decode(), ino, off, path, data


class Tree:
    """Names and bytes below a folder: names[path] is a file's number, or None: a folder."""

    def __init__(self, root):
        self.root, self.names, self.bytes, self.by_ino, self.inos = str(root), {}, {}, {}, []
        for folder, folders, files in os.walk(root):
            self.names[folder] = None
            for one in files:
                path = os.path.join(folder, one)
                self.names[path] = self.file(os.stat(path).st_ino)
                with open(path, "rb") as f:
                    self.bytes[self.names[path]] = f.read()

    def file(self, ino):
        """A new file's number."""
        self.inos.append(ino)
        self.by_ino[ino] = len(self.inos) - 1
        return self.by_ino[ino]

    def copy(self):
        new = Tree.__new__(Tree)
        new.root, new.names, new.bytes = self.root, dict(self.names), dict(self.bytes)
        new.inos = self.inos
        return new

    # --- one call, as far as it can be done here ---

    def apply(self, call, data=None):
        getattr(self, "on_" + call.op.lower(), lambda *_: None)(call, call.data if data is None else data)

    def has_folder(self, path):
        return self.names.get(os.path.dirname(path), 0) is None

    def on_c(self, call, _):
        if self.has_folder(call.path):
            self.names[call.path] = call.thing

    def on_d(self, call, _):
        if self.has_folder(call.path):
            self.names[call.path] = None

    def on_l(self, call, data):
        if self.has_folder(data.decode()):
            self.names[data.decode()] = call.thing

    def on_u(self, call, _):
        self.names.pop(call.path, None)

    def on_r(self, call, data):
        to = data.decode()
        if call.path not in self.names or not self.has_folder(to):
            return
        below = [p for p in self.names if p == call.path or p.startswith(call.path + "/")]
        moved = {to + p[len(call.path):]: self.names.pop(p) for p in below}
        self.names.update(moved)

    def on_w(self, call, data):
        old = self.bytes.get(call.thing, b"").ljust(call.off, b"\0")
        self.bytes[call.thing] = old[:call.off] + data + old[call.off + len(data):]

    def on_z(self, call, _):
        self.bytes[call.thing] = self.bytes.get(call.thing, b"")[:call.off].ljust(call.off, b"\0")

    # --- on a disk ---

    def contents(self):
        """path below the root -> None for a folder, or bytes and the number that the file had. Shared
        memory does not outlive a boot."""
        return {os.path.relpath(path, self.root):
                None if file is None else (self.bytes.get(file, b""), self.inos[file])
                for path, file in sorted(self.names.items())
                if path != self.root and not path.endswith("-shm")}


def write_tree(contents, root):
    """Nothing is of today. Returns the numbers of the files as FAULT_INODES wants them."""
    os.makedirs(root)
    numbers = []
    for path, data in contents.items():
        whole = os.path.join(root, path)
        if data is None:
            os.makedirs(whole, mode=0o700, exist_ok=True)
        else:
            with open(whole, "wb") as f:
                f.write(data[0])
            os.chmod(whole, 0o600)
            os.utime(whole, (LONG_AGO, LONG_AGO))
            numbers.append(f"{os.stat(whole).st_ino}={data[1]}")
    return " ".join(numbers)


class History:
    """What a program did to a tree (of before) and in which order."""

    def __init__(self, before, record):
        self.before, self.calls = before, []
        names = before.copy()
        for op, ino, off, path, data in record:
            if op in "CT":
                thing = before.file(ino)
            elif op == "S" and names.names.get(path, 0) is None:
                thing = path
            elif op == "L" and path:
                thing = names.names.get(path)
            else:
                thing = before.by_ino.get(ino)
            call = Call(op, thing, off, path, data)
            names.apply(call)
            self.calls.append(call)
        self.find_durable()

    def find_durable(self):
        waiting = {}  # what must be synced -> calls
        for n, call in enumerate(self.calls):
            if call.op in "WZ":
                waiting.setdefault(call.thing, []).append(call)
            elif call.op in "CDU":
                waiting.setdefault(os.path.dirname(call.path), []).append(call)
            elif call.op in "RL":
                waiting.setdefault(os.path.dirname(call.data.decode()), []).append(call)
            elif call.op == "S":
                for one in waiting.pop(call.thing, ()):
                    one.durable_at = n + 1

    def sent(self, n):
        """Every byte sent to the server before the n-th call."""
        return b"".join(call.data for call in self.calls[:n] if call.op == "N")

    def after(self, n, keep):
        """The tree after a power loss before the n-th call; keep(call) -> None: this call, which is not
        durable, left nothing; else the bytes of it that are there."""
        tree = self.before.copy()
        for call in self.calls[:n]:
            data = call.data if call.durable_at <= n else keep(call)
            if data is not None:
                tree.apply(call, data)
        return tree


# --- what may be kept ------------------------------------------------------------------------------


def everything(choose):
    return lambda call: call.data


def nothing(choose):
    return lambda call: None


def names_only(choose):
    """The journal was written, the bytes were not."""
    return lambda call: None if call.op in "WZ" else call.data


def bytes_only(choose):
    return lambda call: call.data if call.op in "WZT" else None


def sizes_only(choose):
    """Files have their length, of zeros."""
    return lambda call: bytes(len(call.data)) if call.op == "W" else call.data


def torn(choose, data):
    """Each sector for itself."""
    return b"".join(data[i:i + SECTOR] if choose.random() < 0.6 else bytes(len(data[i:i + SECTOR]))
                    for i in range(0, len(data), SECTOR))


def any_part(choose):
    chance = choose.choice((0.2, 0.5, 0.8))

    def keep(call):
        if choose.random() > chance:
            return None
        return torn(choose, call.data) if call.op == "W" and choose.random() < 0.4 else call.data
    return keep


def in_order(choose):
    """A journal: names up to some call, and any bytes."""
    part, some = any_part(choose), choose.random()

    def keep(call):
        nonlocal some
        if call.op in "WZ":
            return part(call)
        some -= 0.01
        return call.data if some > 0 else None
    return keep


WAYS = [nothing, names_only, any_part, bytes_only, sizes_only, any_part, in_order, any_part, everything]
