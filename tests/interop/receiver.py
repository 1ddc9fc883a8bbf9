#!/usr/bin/env python3
"""Looks for a connection every 0.1 s, reads one message, and ends. receiver.py PORT"""
import socket
import sys
import time

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(5)
server.settimeout(0.1)
print("ready", flush=True)
while True:
    try:
        connection, address = server.accept()
        break
    except socket.timeout:
        time.sleep(0.1)
connection.settimeout(None)
data = b""
while not data.endswith(b"\n"):
    part = connection.recv(1024)
    if not part:
        break
    data += part
connection.close()
print("%d %s" % (len(data), data[:40].decode("utf-8").strip()), flush=True)
