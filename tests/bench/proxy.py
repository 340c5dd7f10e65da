"""A TCP proxy on loopback that counts bytes and turns, and can add delay and cap the rate."""
import asyncio
import threading
import time


class Proxy:
    alive = []  # until the end: a loop that is collected complains of its tasks

    def __init__(self, target, rtt=0.0, rate=0.0):
        self.target, self.rtt, self.rate = target, rtt, rate
        self.alive.append(self)
        self.reset()
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait()

    def reset(self):
        """Forget the counts so far."""
        self.down = self.up = self.turns = 0

    def _run(self, ready):
        async def start():
            server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await server.serve_forever()
        self.loop.run_until_complete(start())

    async def _connection(self, reader, writer):
        await asyncio.sleep(self.rtt)  # the TCP handshake's own round trip
        try:
            sr, sw = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        side = {"last": ""}
        await asyncio.gather(self._pipe(reader, sw, side, "up"), self._pipe(sr, writer, side, "down"))
        writer.close()
        sw.close()

    async def _pipe(self, reader, writer, side, way):
        queue = asyncio.Queue()
        pump = asyncio.create_task(self._out(queue, writer))
        while True:
            try:
                data = await reader.read(65536)
            except OSError:
                data = b""
            if not data:
                break
            if side["last"] != way:
                side["last"] = way
                self.turns += way == "up"
            setattr(self, way, getattr(self, way) + len(data))
            queue.put_nowait((time.monotonic() + self.rtt / 2, data))
        queue.put_nowait((0, b""))
        await pump

    async def _out(self, queue, writer):
        while True:
            when, data = await queue.get()
            try:
                if not data:
                    writer.write_eof()
                    return
                await asyncio.sleep(max(0, when - time.monotonic()))
                writer.write(data)
                await writer.drain()
                if self.rate:
                    await asyncio.sleep(len(data) / self.rate)
            except OSError:
                return
