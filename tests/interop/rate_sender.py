#!/usr/bin/env python3
"""Sends measured runs. rate_sender.py HOST PORT TOTAL SIZE kept|reopened [together|apart|late [RUNS [FROM]]]

kept: one connection; TOTAL / SIZE writes of SIZE - 1 times X, then a newline.
reopened: one connection for each chunk of SIZE - 1 times X and a Y. A newline follows the last Y:
in the same write (together), in a write of its own (apart), or 0.35 s later (late). FROM is the address to send
from.
"""
import socket
import sys
import time

host, port = sys.argv[1], int(sys.argv[2])
total, size = int(sys.argv[3]), int(sys.argv[4])
mode = sys.argv[5]
ending = sys.argv[6] if len(sys.argv) > 6 else "together"
runs = int(sys.argv[7]) if len(sys.argv) > 7 else 1
source = (sys.argv[8], 0) if len(sys.argv) > 8 else None


def connect():
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source:
        client.bind(source)
    client.connect((host, port))
    return client


def kept():
    client = connect()
    for _ in range(total // size):
        client.sendall(b"X" * (size - 1))
    client.sendall(b"\n")
    client.close()


def reopened():
    chunks = total // size
    for number in range(chunks):
        client = connect()
        chunk = b"X" * (size - 1) + b"Y"
        if number < chunks - 1:
            client.sendall(chunk)
        elif ending == "together":
            client.sendall(chunk + b"\n")
        else:
            client.sendall(chunk)
            if ending == "late":
                time.sleep(0.35)
            client.sendall(b"\n")
        client.close()


started = time.monotonic()
for _ in range(runs):
    if mode == "kept":
        kept()
    else:
        reopened()
print("%.6f" % (time.monotonic() - started))
