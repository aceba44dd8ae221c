"""What a client counts itself, and what all programs share. A server prints `ready PORT`; a client prints `ready 0`, waits for
a line, runs, prints its truth as one line of JSON, and stays, idle. With DELAY_EVERY=N one message in N, the tenth first, is
sent in two halves 3 ms apart."""

import json
import os
import socket
import sys
import threading
import time

EVERY = int(os.environ.get("DELAY_EVERY", "0"))
FIRST = 10
DELAY = 0.003

_sent = 0
_lock = threading.Lock()


def _is_delayed():
    global _sent
    with _lock:
        _sent += 1
        return EVERY > 0 and _sent % EVERY == FIRST


def send(peer, message):
    if _is_delayed():
        peer.sendall(message[: len(message) // 2])
        time.sleep(DELAY)
        message = message[len(message) // 2 :]
    peer.sendall(message)


def arguments():
    """`key=value` arguments with numbers for values, after the mode."""
    return {key: int(value) for key, value in (pair.split("=") for pair in sys.argv[2:])}


def listen(backlog=64):
    listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
    print("ready", listener.getsockname()[1], flush=True)
    return listener


def connect(port):
    peer = socket.create_connection(("127.0.0.1", port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def receive(peer, size):
    """Reads `size` bytes, fewer only at the end."""
    data = b""
    while len(data) < size:
        piece = peer.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data


class Truth:
    def __init__(self):
        self.waits, self.abandoned, self.login = [], 0, 0.0
        self._due, self._outstanding, self._since = 0.0, 0, 0.0

    def sent(self):
        """To be called after the last byte of a request is sent. Returns its time."""
        now = time.monotonic()
        if self._outstanding == 0:
            self._since = now
        self._outstanding += 1
        return now

    def answered(self, sent):
        self.waits.append(self._over() - sent)

    def given_up(self):
        self.abandoned += 1
        self._over()

    def _over(self):
        now = time.monotonic()
        self._outstanding -= 1
        if self._outstanding == 0:
            self._due += now - self._since
        return now

    def report(self, wall):
        waits = sorted(self.waits)
        return {
            "n": len(waits),
            "sum": sum(waits),
            "p50": waits[len(waits) // 2] if waits else 0,
            "due": self._due,
            "wall": wall,
            "abandoned": self.abandoned,
            "login": self.login,
        }


def run(client):
    """Runs a client that is given its truth to fill."""
    print("ready 0", flush=True)
    sys.stdin.readline()
    truth, start = Truth(), time.monotonic()
    kept = client(truth)
    print(json.dumps(truth.report(time.monotonic() - start)), flush=True)
    sys.stdin.readline()
    return kept
