#!/usr/bin/python3
"""waits MODE [PORT]: waits as a Python program does.

lock: four threads that want one lock, whose holder sleeps. queue: a pool parked without work. sleep: time.sleep.
child: waits for another process. client PORT, asyncio PORT: send requests to a server. server: waits for requests.
"""

import asyncio
import queue
import socket
import subprocess
import sys
import threading
import time

THREADS = 4
MESSAGE = bytes(64)


def ready(detail=0):
    print("ready", detail, flush=True)


def start_all(run):
    for _ in range(THREADS - 1):
        threading.Thread(target=run, daemon=True).start()
    ready()
    run()


def contend():
    lock = threading.Lock()

    def run():
        while True:
            with lock:
                time.sleep(0.001)

    start_all(run)


def park():
    work = queue.Queue()

    def run():
        while True:
            work.get()

    start_all(run)


def sleep():
    ready()
    while True:
        time.sleep(0.005)


def wait_for_child():
    with subprocess.Popen(["sleep", "3600"]) as child:
        ready()
        child.wait()


def report(waited):
    """Prints the time of all responses so far: the truth that the probes are compared with."""
    print(f"waited {time.time():.6f} {waited:.6f}", flush=True)


def request(port):
    waited = 0.0
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        ready()
        while True:
            sent = time.monotonic()
            connection.sendall(MESSAGE)
            connection.recv(len(MESSAGE), socket.MSG_WAITALL)
            waited += time.monotonic() - sent
            report(waited)


async def request_in_loop(port):
    waited = 0.0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ready()
    while True:
        sent = time.monotonic()
        writer.write(MESSAGE)
        await reader.readexactly(len(MESSAGE))
        waited += time.monotonic() - sent
        report(waited)


def serve():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ready(listener.getsockname()[1])
        connection, _ = listener.accept()
        while message := connection.recv(len(MESSAGE), socket.MSG_WAITALL):
            connection.sendall(message)


mode, *rest = sys.argv[1:]
if mode == "lock":
    contend()
elif mode == "queue":
    park()
elif mode == "sleep":
    sleep()
elif mode == "child":
    wait_for_child()
elif mode == "client":
    request(int(rest[0]))
elif mode == "asyncio":
    asyncio.run(request_in_loop(int(rest[0])))
elif mode == "server":
    serve()
sys.exit(2)
