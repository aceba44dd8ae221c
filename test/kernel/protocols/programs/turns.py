"""Requests and answers of fixed sizes, as an unknown protocol has them.

Servers, with request=, answer=, ms=: serve (head=: bytes read apart, slow=: ms that every fifth takes, fastopen=), one (the
same, one connection at a time), sink (answers once).
Clients, with port=, n=, request=, answer=, think=: ask (head=: bytes sent apart, gap=: ms between, epoll=1), poller, publish,
each, fastopen, half, retry, crowd.
"""

import select
import socket
import sys
import threading
import time

import truth as t

MODE, ARGS = sys.argv[1], t.arguments()
REQUEST, ANSWER = ARGS.get("request", 100), ARGS.get("answer", 50)
MS = ARGS.get("ms", 12) / 1000
N, THINK, HEAD = ARGS.get("n", 100), ARGS.get("think", 0) / 1000, ARGS.get("head", 0)


def serve():
    listener = t.listen()
    if "fastopen" in ARGS:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    while True:
        peer, _ = listener.accept()
        if MODE == "one":
            serve_one(peer)
        else:
            threading.Thread(target=serve_one, args=(peer,), daemon=True).start()


def serve_one(peer):
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        count = 0
        while len(t.receive(peer, HEAD)) == HEAD and len(t.receive(peer, REQUEST - HEAD)) == REQUEST - HEAD:
            count += 1
            time.sleep(ARGS["slow"] / 1000 if "slow" in ARGS and count % 5 == 0 else MS)
            t.send(peer, b"r" * ANSWER)
    except OSError:
        pass
    peer.close()


def sink():
    listener = t.listen()
    while True:
        peer, _ = listener.accept()
        peer.recv(10)
        peer.sendall(b"welcome")
        while peer.recv(1000):
            pass


def ask(truth, peer=None):
    peer = peer or t.connect(ARGS["port"])
    poller = select.epoll()
    poller.register(peer, select.EPOLLIN)
    for _ in range(N):
        if HEAD > 0:
            peer.sendall(b"h" * HEAD)
            time.sleep(ARGS.get("gap", 0) / 1000)
        t.send(peer, b"b" * (REQUEST - HEAD))
        sent = truth.sent()
        if "epoll" in ARGS:
            poller.poll()
        peer.recv(1)
        truth.answered(sent)
        t.receive(peer, ANSWER - 1)
        time.sleep(THINK)
    return peer


def poller(truth):
    """A thread polls all the time; another sends, and waits to be told."""
    peer, poll, told = t.connect(ARGS["port"]), select.epoll(), threading.Semaphore(0)
    poll.register(peer, select.EPOLLIN)

    def run():
        while True:
            poll.poll()
            peer.recv(ANSWER)
            told.release()

    threading.Thread(target=run, daemon=True).start()
    for _ in range(N):
        t.send(peer, b"q" * REQUEST)
        sent = truth.sent()
        told.acquire()
        truth.answered(sent)
        time.sleep(THINK)
    return peer


def publish(truth):
    """Messages that nobody answers, after one exchange."""
    peer, poll = t.connect(ARGS["port"]), select.epoll()
    poll.register(peer, select.EPOLLIN)
    peer.sendall(b"hello")
    sent = truth.sent()
    peer.recv(10)
    truth.answered(sent)
    for _ in range(N):
        t.send(peer, b"p" * 50)
        poll.poll(THINK)
    return peer


def each(truth):
    for _ in range(N):
        with t.connect(ARGS["port"]) as peer:
            t.send(peer, b"q" * REQUEST)
            sent = truth.sent()
            peer.recv(1)
            truth.answered(sent)
            t.receive(peer, ANSWER - 1)


def fastopen(truth):
    for _ in range(N):
        with socket.socket() as peer:
            peer.sendto(b"q" * REQUEST, socket.MSG_FASTOPEN, ("127.0.0.1", ARGS["port"]))
            sent = truth.sent()
            t.receive(peer, ANSWER)
            truth.answered(sent)


def half(truth):
    """Shuts its side down after the request."""
    for _ in range(N):
        with t.connect(ARGS["port"]) as peer:
            t.send(peer, b"q" * REQUEST)
            peer.shutdown(socket.SHUT_WR)
            sent = truth.sent()
            t.receive(peer, ANSWER)
            truth.answered(sent)


def retry(truth):
    """Gives up after 60 ms, and asks again on a new connection. Every fifth answer of a connection takes longer."""
    peer = t.connect(ARGS["port"])
    for _ in range(N):
        while True:
            t.send(peer, b"q" * REQUEST)
            sent = truth.sent()
            peer.settimeout(0.06)
            try:
                t.receive(peer, ANSWER)
                truth.answered(sent)
                break
            except TimeoutError:
                truth.given_up()
                peer.close()
                peer = t.connect(ARGS["port"])
    return peer


def crowd(truth):
    """N clients at once, each with a patience of 300 ms."""

    def once():
        with t.connect(ARGS["port"]) as peer:
            peer.sendall(b"q" * REQUEST)
            sent = truth.sent()
            peer.settimeout(0.3)
            try:
                t.receive(peer, ANSWER)
                truth.answered(sent)
            except TimeoutError:
                truth.given_up()

    threads = [threading.Thread(target=once) for _ in range(N)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The server is still at work for those who have gone.
    time.sleep(N * MS)


if MODE in ("serve", "one"):
    serve()
elif MODE == "sink":
    sink()
else:
    t.run(globals()[MODE])
