"""A relay on loopback that cuts the line after a random number of bytes of either direction."""

import collections
import random
import select
import socket
import struct
import threading
import time

WAYS = ("reset", "reset", "end", "end", "stall")
MEAN = {"up": 250, "down": 2500}  # bytes that a line lives, of that direction


class Plan:
    """Of one connection: how it dies once so many more bytes of that direction went through; None = not."""

    def __init__(self):
        self.how, self.side, self.bytes, self.stall = None, "", 0, 0.0


class Cutter:
    """begin(n): n lines from now on live so many bytes; then they are reset, or ended (FIN), or nothing
    passes for a while and then they are reset. rest(): no line dies any more. left: cuts still to come."""

    def __init__(self, port, seed=0):
        self.to, self.random, self.left, self.how = port, random.Random(seed), 0, collections.Counter()
        self.lock, self.plans, self.threads = threading.Lock(), set(), []

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def begin(self, n):
        with self.lock:
            self.left = n
            for plan in self.plans:
                self._fill(plan)

    def rest(self):
        with self.lock:
            self.left = 0
            for plan in self.plans:
                plan.how = None

    def cut_now(self):
        """Every line there is, at once."""
        with self.lock:
            for plan in self.plans:
                plan.how, plan.side, plan.bytes = "reset", "", 0

    def _fill(self, plan):
        plan.side = self.random.choice(("up", "down"))
        plan.bytes = int(self.random.expovariate(1 / MEAN[plan.side]))
        plan.how, plan.stall = self.random.choice(WAYS), self.random.uniform(0.2, 2.5)

    def _serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._play, args=(near,), daemon=True).start()

    def _play(self, near):
        plan = Plan()
        with self.lock:
            self.plans.add(plan)
            if self.left > 0:
                self._fill(plan)
        try:
            with near, socket.create_connection(("127.0.0.1", self.to)) as far:
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._relay(plan, near, far)
        except OSError:
            pass
        finally:
            with self.lock:
                self.plans.discard(plan)

    def _relay(self, plan, near, far):
        while True:
            for source in select.select([near, far], [], [], 0.1)[0]:
                side, target = ("up", far) if source is near else ("down", near)
                data = source.recv(65536)
                if not data:
                    return
                with self.lock:
                    dies = plan.how is not None and plan.side in ("", side) and len(data) >= plan.bytes
                    data = data[:plan.bytes] if dies else data
                    plan.bytes -= len(data) if plan.side == side else 0
                target.sendall(data)
                if dies:
                    self._die(plan, near)
                    return
            if plan.how is not None and plan.side == "":
                self._die(plan, near)
                return

    def _die(self, plan, near):
        with self.lock:
            how, stall = plan.how, plan.stall
            self.how[how] += 1
            self.left = max(0, self.left - 1)
        if how == "stall":
            time.sleep(stall)
        if how != "end":
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
