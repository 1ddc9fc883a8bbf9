#!/usr/bin/env python3
"""Reads the trace LEDs of all hosts and prints what an observer of all LEDs has seen.

usage: observe.py FOLDER FROM_NS [killed]   (killed: the node that was lit at FROM_NS was killed then)

All hosts of this test have the same CLOCK_MONOTONIC, so lines of different hosts can be compared. Prints one line:
generations=N two_lit=N longest_dark_ms=X ons=N nodes=N hops_back=N
"""

import pathlib
import sys
import time


def lines(folder, begin, end):
    found = []
    for path in pathlib.Path(folder).iterdir():
        for line in path.read_text().splitlines():
            # Behind these, the LED keeper writes its name.
            at, node, change, ball, generation, hop = line.split(" ")[:6]
            if begin <= int(at) < end:
                found.append((int(at), node, change, ball, generation, int(hop)))
    return sorted(found)


def main():
    folder, begin = sys.argv[1], int(sys.argv[2])
    end = time.monotonic_ns()
    lit = {}
    generations, nodes = set(), set()
    two_lit = hops_back = ons = longest = 0
    dark_since = begin if "killed" in sys.argv[3:] else None
    highest = None
    for at, node, change, ball, generation, hop in lines(folder, begin, end):
        if change == "on":
            generations.add(generation)
            ons += 1
            nodes.add(node)
            # A host that was killed says no "off" then: the stop hook or the next start does, later.
            lit.pop(node, None)
            two_lit += len(lit) > 0
            lit[node] = generation
            if dark_since is not None:
                longest = max(longest, at - dark_since)
            dark_since = None
            stamp = (int(generation.split(".")[0]), generation, hop)
            hops_back += highest is not None and stamp < highest
            highest = max(stamp, highest or stamp)
        else:
            lit.pop(node, None)
            if not lit and dark_since is None:
                dark_since = at
    if dark_since is not None:
        longest = max(longest, end - dark_since)
    print(
        f"generations={len(generations)} two_lit={two_lit} longest_dark_ms={longest / 1e6:.1f} "
        f"ons={ons} nodes={len(nodes)} hops_back={hops_back}"
    )


if __name__ == "__main__":
    main()
