#!/usr/bin/env python3
"""Connects to a port of every host ten times a second, as impatient clients do.

usage: poll_ports.py RESULT PORT HOST...          connects to the port, and closes
       poll_ports.py --http RESULT PORT HOST...   asks for /healthz, and waits for the answer

Runs until SIGTERM; then writes one line to RESULT: polls=N refused=N failed=N slowest_ms=X
"""

import signal
import socket
import sys
import threading
import time

results = []
done = threading.Event()


def poll(host, port, http):
    begun = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout=5) as stream:
            if http:
                stream.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                answer = b""
                while chunk := stream.recv(4096):
                    answer += chunk
                if not answer.startswith(b"HTTP/1.0 200") and not answer.startswith(b"HTTP/1.1 200"):
                    raise OSError(f"answered {answer[:40]!r}")
        outcome = "ok"
    except ConnectionRefusedError:
        outcome = "refused"
    except OSError as error:
        outcome = f"failed {error}"
    results.append((outcome, time.monotonic() - begun, host))


def main():
    arguments = sys.argv[1:]
    http = arguments[0] == "--http"
    if http:
        arguments = arguments[1:]
    result, port, hosts = arguments[0], int(arguments[1]), arguments[2:]
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    threads = []
    while not done.wait(0.1):
        for host in hosts:
            thread = threading.Thread(target=poll, args=(host, port, http), daemon=True)
            thread.start()
            threads.append(thread)
    for thread in threads:
        thread.join(6)
    refused = sum(outcome == "refused" for outcome, _, _ in results)
    failed = [(outcome, host) for outcome, _, host in results if outcome.startswith("failed")]
    slowest = max((span for _, span, _ in results), default=0)
    with open(result, "w") as file:
        print(f"polls={len(results)} refused={refused} failed={len(failed)} slowest_ms={slowest * 1e3:.0f}", file=file)
        for outcome in failed[:5]:
            print(outcome, file=file)


if __name__ == "__main__":
    main()
