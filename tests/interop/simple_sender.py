#!/usr/bin/env python3
"""One small message without a newline, or one of N bytes with one: connects, sends, closes."""
import socket
import sys

host, port, message = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if message.startswith("bytes:"):
    data = b"X" * (int(message[6:]) - 1) + b"\n"
else:
    data = message.encode("utf-8")
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((host, port))
client.sendall(data)
client.close()
