"""Clients of Redis and memcached that write their protocol themselves, with port= and n=.

set, slow (each takes 12 ms in the server), pipeline (ten commands in one send), blpop (six waits for work beside quick
commands), subscribe (receives n messages that another connection publishes), memcached."""

import sys
import threading
import time

import truth as t

MODE, ARGS = sys.argv[1], t.arguments()
N = ARGS.get("n", 100)


def command(*words):
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    return b"*%d\r\n" % len(words) + parts


class Connection:
    def __init__(self, truth):
        self.truth, self.peer = truth, t.connect(ARGS["port"])
        self.file = self.peer.makefile("rb")

    def reply(self):
        """Reads one reply."""
        line = self.file.readline()
        if line[:1] == b"$" and int(line[1:]) >= 0:
            self.file.read(int(line[1:]) + 2)
        if line[:1] == b"*":
            for _ in range(int(line[1:])):
                self.reply()
        return line

    def ask(self, *words):
        t.send(self.peer, command(*words))
        sent = self.truth.sent()
        line = self.reply()
        self.truth.answered(sent)
        assert line[:1] != b"-", line


def set_(truth):
    redis = Connection(truth)
    for number in range(N):
        redis.ask(b"SET", b"key%d" % number, b"x" * 100)
    return redis


def slow(truth):
    redis = Connection(truth)
    for _ in range(N):
        redis.ask(b"DEBUG", b"SLEEP", b"0.012")
    return redis


def pipeline(truth):
    """A batch is one request: which of its replies is whose cannot be seen from outside."""
    redis = Connection(truth)
    for _ in range(N):
        t.send(redis.peer, b"".join(command(b"SET", b"key%d" % number, b"x" * 100) for number in range(10)))
        sent = truth.sent()
        redis.reply()
        truth.answered(sent)
        for _ in range(9):
            redis.reply()
    return redis


def blpop(truth):
    """Waits for work 300 ms at a time are no requests."""
    redis = Connection(truth)
    for _ in range(6):
        for number in range(N // 6):
            redis.ask(b"SET", b"key%d" % number, b"x")
        redis.peer.sendall(command(b"BLPOP", b"jobs", b"0.3"))
        redis.reply()
    return redis


def subscribe(truth):
    """The publisher is this client too: its messages are requests, those that it is sent are none."""
    subscriber = Connection(truth)
    subscriber.peer.sendall(command(b"SUBSCRIBE", b"news"))
    subscriber.reply()
    listening = threading.Thread(target=lambda: [subscriber.reply() for _ in range(N)])
    listening.start()
    publisher = Connection(truth)
    for _ in range(N):
        publisher.ask(b"PUBLISH", b"news", b"x" * 100)
        time.sleep(0.03)
    listening.join()
    return subscriber, publisher


def memcached(truth):
    cache = Connection(truth)
    for number in range(N // 2):
        for message, last in ((b"set k%d 0 0 3\r\nabc\r\n" % number, b"STORED"), (b"get k%d\r\n" % number, b"END")):
            t.send(cache.peer, message)
            sent = truth.sent()
            line = cache.file.readline()
            truth.answered(sent)
            while line.strip() != last:
                line = cache.file.readline()
    return cache


t.run(globals()[MODE if MODE != "set" else "set_"])
