"""A network whose other end is far away, on one Linux machine: what is sent to 10.9.0.2 comes back to this machine
later, as if 10.9.0.2 had sent it to 10.9.0.1. So a receiver that runs here is reached under 10.9.0.2.

    sudo python3 docs/labs/far_network.py MILLISECONDS     each way takes so long; Ctrl-C ends it
"""
import collections
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

DEVICE = "far0"
MOST_WAITING = 10_000  # packets; a router has a bound, too

if len(sys.argv) != 2 or not sys.argv[1].isdigit():
    sys.exit(__doc__)
delay = int(sys.argv[1]) / 1000
try:
    tun = os.open("/dev/net/tun", os.O_RDWR)
    # A device of IP packets (IFF_TUN) without a header of its own before them (IFF_NO_PI).
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH", DEVICE.encode(), 0x0001 | 0x1000))
except OSError as error:
    sys.exit("far_network.py: the device %s cannot be made (%s): run this as root, on Linux, and once at a time" % (DEVICE, error))
subprocess.run(["ip", "addr", "add", "10.9.0.1/24", "dev", DEVICE], check=True)
subprocess.run(["ip", "link", "set", DEVICE, "up", "mtu", "1500"], check=True)
print("10.9.0.2 is this machine, %d ms away" % (delay * 1000), flush=True)

on_the_way = collections.deque()
try:
    while True:
        wait = max(0, on_the_way[0][0] - time.monotonic()) if on_the_way else None
        readable, _, _ = select.select([tun], [], [], wait)
        now = time.monotonic()
        if readable:
            packet = os.read(tun, 65_536)
            if packet[0] >> 4 == 4 and len(on_the_way) < MOST_WAITING:
                # Source and destination change places. The checksums are sums, so they stay right.
                on_the_way.append((now + delay, packet[:12] + packet[16:20] + packet[12:16] + packet[20:]))
        while on_the_way and on_the_way[0][0] <= now:
            os.write(tun, on_the_way.popleft()[1])
except KeyboardInterrupt:
    pass
