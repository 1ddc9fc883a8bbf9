"""Tells a run that z3 found, in a few plain lines."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from z3 import And, Or, Q

from instance import NODE_OF, Run, run_of, thing
from necessity import Clause
from step import LeftOut
from vocabulary import possesses

# What happens between the lines. With clocks that differ, it matters when a heartbeat was heard.
UNTOLD = {"time", "beat"}
# What is told in the same line as the step before, if no time lies between them.
CONTINUES = {
    "grant": ("stand", "grant", "ask_renewal", "overrule"),
    "overrule": ("stand", "fence"),
    "fence": ("stand",),
    "take": ("pass_ball", "resend"),
    "start": ("crash",),
}


def ends_in_two(clause: Clause, left_out: LeftOut) -> Run:
    """The run of that clause's schedule after which two processes possess the ball, if it is possible."""
    run = run_of(list(clause.schedule), left_out, clause.clocks_agree)
    end = run.states[-1]
    # With a little time left for each, which shows better.
    rest = Q(1, 5) if clause.clocks_agree else Q(1, 1000)

    def acts(name: str) -> Any:
        p = thing(name)
        return And(possesses(end, p), end.deadline(p) >= end.clock(p) + rest)

    run.solver.add(Or([And(acts(p), acts(r)) for p, r in combinations(NODE_OF, 2)]))
    return run


def phrase(run: Run, index: int) -> str:
    """What one step does."""
    name, part = run.names[index], run.steps[index].part
    told = {label: run.value(term) for label, term in part.items()}
    process, to, hop = told["process"], told.get("to"), told.get("hop")
    generation, deadline = told.get("generation"), told.get("deadline")
    return {
        "stand": f"{process} asks for generation {generation}",
        "grant": f"{process} votes for {generation}",
        "overrule": f"{process} votes for {generation}, although its vote is given",
        "fence": f"{process} promises to hold nothing below {generation}",
        "ask_renewal": f"{process} asks for another lease",
        "win": f"{process} has a quorum for {generation} and may act until its clock shows {deadline}",
        "hear_beat": f"{process} hears a heartbeat of {told.get('of')}",
        "pass_ball": f"{process} passes the ball to {to} as hop {hop}",
        "resend": f"{process} has no acknowledgement and sends hop {hop} again, to {to}",
        "take": f"{process} accepts hop {hop} and may act until its clock shows {deadline}",
        "crash": f"{process} ends",
        "start": f"{NODE_OF[process]} starts again as {process}, which knows nothing",
    }.get(name, f"{process}: {name}")


def on_its_clock(run: Run, index: int) -> str:
    """What the clock of the acting process shows."""
    shown = run.states[index].clock(run.steps[index].part["process"])
    return f" (at {run.value(shown)} on its clock)"


def lines(run: Run, clocks_agree: bool) -> list[str]:
    """The run, one line for each thing that happens, with the time in leases."""
    clocks = "all clocks show the same" if clocks_agree else "some clocks run slower than others"
    told: list[list[str]] = [[f"n1, n2 and n3 start as p1, p2 and p3; a lease is 1.00, {clocks}"]]
    moments = ["0.00"]
    before = ""
    for index, name in enumerate(run.names):
        if name not in UNTOLD and not (name == "hear_beat" and clocks_agree):
            says = phrase(run, index) + ("" if clocks_agree else on_its_clock(run, index))
            if before in CONTINUES.get(name, ()):
                told[-1].append(says)
            else:
                told.append([says])
                moments.append(run.value(run.states[index].now))
        if name not in ("beat", "hear_beat"):
            before = name
    end = run.states[-1]
    two = [name for name in NODE_OF if run.value(possesses(end, thing(name))) == "True"]
    each = [f"{run.value(end.clock(thing(name)))} on the clock of {name}" for name in two]
    told.append([f"{' and '.join(two)} both possess the ball: it is {' and '.join(each)}"])
    moments.append(run.value(end.now))
    return [f"{moment:>6}  {', '.join(phrases)}." for moment, phrases in zip(moments, told)]
