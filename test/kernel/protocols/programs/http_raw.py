"""HTTP as simple clients write it, port= and n=: post (Python's own client, which sends head and body apart), pipelined (in=:
so many at once, gap=: ms between them), expect (100-continue), old (HTTP/1.0), dns (DNS over TCP, two bytes of
length first, with `serve-dns` for a server)."""

import http.client
import sys
import threading
import time

import truth as t

MODE, ARGS = sys.argv[1], t.arguments()
N, THINK = ARGS.get("n", 100), ARGS.get("think", 0) / 1000


class Answers:
    """Reads answers that have a Content-Length."""

    def __init__(self, peer):
        self.file = peer.makefile("rb")

    def status(self):
        """Waits for the first line."""
        return int(self.file.readline().split()[1])

    def rest(self):
        length = 0
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self.file.read(length)


def post(truth):
    client = http.client.HTTPConnection("127.0.0.1", ARGS["port"])
    for _ in range(N):
        client.request("POST", "/", body=b"x" * 500)
        sent = truth.sent()
        answer = client.getresponse()
        truth.answered(sent)
        answer.read()
        time.sleep(THINK)
    return client


def pipelined(truth):
    peer = t.connect(ARGS["port"])
    answers, flight, gap = Answers(peer), ARGS["in"], ARGS.get("gap", 0) / 1000
    get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    for _ in range(N // flight):
        sent = []
        if gap == 0:
            t.send(peer, get * flight)
            sent = [truth.sent() for _ in range(flight)]
        else:
            for _ in range(flight):
                peer.sendall(get)
                sent.append(truth.sent())
                time.sleep(gap)
        for each in sent:
            answers.status()
            truth.answered(each)
            answers.rest()
    return peer


def expect(truth):
    """The head asks for leave to send the body; the wait counts from the body's last byte."""
    peer = t.connect(ARGS["port"])
    answers = Answers(peer)
    for _ in range(N):
        peer.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\nExpect: 100-continue\r\n\r\n")
        assert answers.status() == 100
        answers.rest()
        t.send(peer, b"x" * 200)
        sent = truth.sent()
        answers.status()
        truth.answered(sent)
        answers.rest()
    return peer


def old(truth):
    """A connection a request, which the server closes."""
    for _ in range(N):
        with t.connect(ARGS["port"]) as peer:
            t.send(peer, b"GET / HTTP/1.0\r\n\r\n")
            sent = truth.sent()
            answers = Answers(peer)
            answers.status()
            truth.answered(sent)
            answers.file.read()


def dns(truth):
    peer = t.connect(ARGS["port"])
    query = b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"
    for number in range(N):
        message = number.to_bytes(2, "big") + query
        t.send(peer, len(message).to_bytes(2, "big") + message)
        sent = truth.sent()
        size = int.from_bytes(t.receive(peer, 2), "big")
        truth.answered(sent)
        t.receive(peer, size)
    return peer


def serve_dns():
    def one(peer):
        while len(size := t.receive(peer, 2)) == 2:
            message = t.receive(peer, int.from_bytes(size, "big"))
            time.sleep(0.012)
            answer = message[:2] + b"\x81\x80" + message[4:] + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01"
            t.send(peer, len(answer).to_bytes(2, "big") + answer)

    listener = t.listen()
    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


if MODE == "serve-dns":
    serve_dns()
else:
    t.run(globals()[MODE])
