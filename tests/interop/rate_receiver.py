#!/usr/bin/env python3
"""Measures one run. rate_receiver.py PORT

Every read counts as a chunk. A chunk that ends in Y closes its connection, one that ends in a newline
ends the run.
"""
import socket
import sys
import time

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(5)
print("ready", flush=True)
count = chunks = connections = 0
started = None
over = False
while not over:
    connection, address = server.accept()
    connections += 1
    if started is None:
        started = time.time()
    while True:
        data = connection.recv(4096)
        if not data:
            break
        count += len(data)
        chunks += 1
        if data.endswith(b"\n"):
            over = True
            break
        if data.endswith(b"Y"):
            # The newline that ends the run may arrive in the next segment.
            connection.settimeout(0.05)
            try:
                if connection.recv(1) == b"\n":
                    count += 1
                    over = True
            except socket.timeout:
                pass
            break
    connection.close()
print("%d %d %d %.6f" % (count, chunks, connections, time.time() - started), flush=True)
