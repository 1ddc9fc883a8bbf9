"""Asks a server on this machine 20 times, each time in two writes, and prints what a question and its answer took.

    python3 docs/labs/two_writes.py                 Nagle's algorithm is on, as every socket begins
    python3 docs/labs/two_writes.py --nagle off     TCP_NODELAY
    python3 docs/labs/two_writes.py --one-write     both parts of the question in one write

With --port N the server listens there, so that a capture can be filtered.
"""
import argparse
import socket
import statistics
import threading
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--nagle", choices=["on", "off"], default="on")
parser.add_argument("--one-write", action="store_true")
parser.add_argument("--port", type=int, default=0)
options = parser.parse_args()

QUESTION = [b"how far ", b"is it?\n"]
server = socket.create_server(("127.0.0.1", options.port))


def answer():
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as questions:
        # It answers each whole question. Its own socket has TCP_NODELAY, so that only the client matters.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in questions:
            connection.sendall(b"42\n")


threading.Thread(target=answer, daemon=True).start()
client = socket.create_connection(server.getsockname())
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, options.nagle == "off")
times = []
with client, client.makefile("rb") as answers:
    for _ in range(20):
        started = time.monotonic()
        if options.one_write:
            client.sendall(b"".join(QUESTION))
        else:
            for part in QUESTION:
                client.sendall(part)
        answers.readline()
        times.append((time.monotonic() - started) * 1000)
print("median %.3f ms, longest %.3f ms" % (statistics.median(times), max(times)))
