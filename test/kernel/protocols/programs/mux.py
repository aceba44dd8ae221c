"""Several requests in flight on one connection of an unknown protocol: 100 bytes that begin with the request's number and its
delay in ms; the answer of 50 bytes begins with the number.

serve. Clients, with port=, n=, ms=, spread=: every (gap=: ms from one to the next), window (in=: so many in flight), batch
(in=: so many in one send, answered in one send each). With spread= the delays differ by so much, so that answers overtake."""

import asyncio
import struct
import sys

import truth as t

MODE, ARGS = sys.argv[1], t.arguments()
N, MS, SPREAD, FLIGHT = ARGS.get("n", 200), ARGS.get("ms", 20), ARGS.get("spread", 0), ARGS.get("in", 8)
ANSWER = struct.Struct("!I46x")
REQUEST = struct.Struct("!II92x")


async def serve():
    async def connected(reader, writer):
        loop = asyncio.get_running_loop()
        try:
            while True:
                number, delay = REQUEST.unpack(await reader.readexactly(REQUEST.size))
                loop.call_later(delay / 1000, writer.write, ANSWER.pack(number))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Client:
    def __init__(self, truth):
        self.truth, self.sent, self.free = truth, {}, asyncio.Semaphore(FLIGHT)

    def pack(self, number):
        return REQUEST.pack(number, MS + number * 37 % (SPREAD + 1))

    async def read(self, reader):
        for _ in range(N):
            (number,) = ANSWER.unpack(await reader.readexactly(ANSWER.size))
            self.truth.answered(self.sent.pop(number))
            self.free.release()

    async def run(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", ARGS["port"])
        reading = asyncio.create_task(self.read(reader))
        await globals()[MODE](self, writer)
        await reading
        return writer


async def every(client, writer):
    for number in range(N):
        writer.write(client.pack(number))
        client.sent[number] = client.truth.sent()
        await asyncio.sleep(ARGS["gap"] / 1000)


async def window(client, writer):
    for number in range(N):
        await client.free.acquire()
        writer.write(client.pack(number))
        client.sent[number] = client.truth.sent()


async def batch(client, writer):
    for start in range(0, N, FLIGHT):
        numbers = range(start, min(start + FLIGHT, N))
        for _ in numbers:
            await client.free.acquire()
        writer.write(b"".join(map(client.pack, numbers)))
        for number in numbers:
            client.sent[number] = client.truth.sent()


if MODE == "serve":
    asyncio.run(serve())
else:
    loop = asyncio.new_event_loop()
    t.run(lambda truth: loop.run_until_complete(Client(truth).run()))
