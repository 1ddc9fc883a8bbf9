#!/usr/bin/env python3
"""Connects, sends one message, and closes. simple_sender.py HOST PORT MESSAGE

A message "bytes:N" stands for N bytes that end in a newline. Any other is sent as it is, without a
newline.
"""
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
