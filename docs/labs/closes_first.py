"""A server that answers one request of HTTP, closes its connection before its client does, and ends.

    python3 docs/labs/closes_first.py PORT             bind fails while the port is in TIME_WAIT
    python3 docs/labs/closes_first.py PORT --reuse     with SO_REUSEADDR it does not
"""
import socket
import sys

if len(sys.argv) < 2 or not sys.argv[1].isdigit():
    sys.exit(__doc__)
server = socket.socket()
if "--reuse" in sys.argv:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    server.bind(("", int(sys.argv[1])))
except OSError as error:
    sys.exit("bind: %s" % error.strerror)
server.listen()
print("listening", flush=True)
try:
    connection, peer = server.accept()
except KeyboardInterrupt:
    sys.exit(130)
print("%d bytes from %s:%d" % (len(connection.recv(4096)), *peer), flush=True)
connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nbye\n")
connection.close()
