"""A ring of three voters and a node that does not vote, in which z3 looks for runs: what happens when actions follow each other from a cold start."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import z3

from actions import ACTIONS
from invariant import initial
from step import Action, LeftOut, Step
from vocabulary import State, World

ACTION_NAMED: dict[str, Action] = {action.__name__: action for actions in ACTIONS.values() for action in actions}

THINGS = {
    "Node": ["n1", "n2", "n3", "n4"],
    "Process": ["p1", "p2", "p3", "p4", "p2b"],
    "Quorum": ["q1", "q2", "q3"],
    "Generation": ["g1", "g2"],
    "Request": ["request1", "request2", "request3"],
    "Beat": ["beat1", "beat2", "beat3"],
    "Pass": ["pass1", "pass2", "pass3"],
}
NODE_OF = {"p1": "n1", "p2": "n2", "p3": "n3", "p4": "n4", "p2b": "n2"}
VOTERS = {"n1", "n2", "n3"}
MAJORITIES = {"q1": {"n1", "n2"}, "q2": {"n1", "n3"}, "q3": {"n2", "n3"}}
ONE_NODE = {"q1": {"n1"}, "q2": {"n2"}, "q3": {"n3"}}


@cache
def small_world() -> World:
    """The finite world. z3 allows each of its sorts to be made once."""
    return World(THINGS)


@cache
def thing(name: str) -> Any:
    """The thing of that name."""
    things = small_world().things or {}
    return next(each for members in things.values() for each in members if str(each) == name)


def ring(left_out: LeftOut = frozenset()) -> list[Any]:
    """Three voters, of which any two are a quorum; the lease is 1, so all times are in leases."""
    w = small_world()
    quorums = ONE_NODE if "quorums-meet" in left_out else MAJORITIES
    facts = [w.lease == 1, w.rank(thing("g1")) == 1, w.rank(thing("g2")) == 2]
    facts += [w.node_of(thing(process)) == thing(node) for process, node in NODE_OF.items()]
    facts += [w.votes(thing(node)) == (node in VOTERS) for node in THINGS["Node"]]
    for quorum, nodes in quorums.items():
        facts += [w.member(thing(node), thing(quorum)) == (node in nodes) for node in THINGS["Node"]]
    return facts if "quorums-meet" in left_out else facts + w.axioms()


@dataclass
class Run:
    """A sequence of steps from a cold start, and the model of z3 that says who and when."""

    names: list[str]
    states: list[State]
    steps: list[Step]
    digits: int = 2
    solver: Any = field(default_factory=z3.Solver)

    def is_possible(self) -> bool:
        """Whether z3 finds such a run."""
        return self.solver.check() == z3.sat

    def is_impossible(self) -> bool:
        """Whether z3 finds that there is no such run; `unknown` is neither."""
        return self.solver.check() == z3.unsat

    def value(self, term: Any) -> str:
        """What the term is in that run; a number with so many digits after the point."""
        value = self.solver.model().eval(term, model_completion=True)
        return f"{float(value.as_fraction()):.{self.digits}f}" if z3.is_rational_value(value) else str(value)


def run_of(schedule: list[str], left_out: LeftOut = frozenset(), clocks_agree: bool = True) -> Run:
    """The run in which these actions follow each other; `grant:p1` means that p1 takes part in it.

    With `clocks_agree` all clocks show reference time, which makes a run easier to read.
    """
    w = small_world()
    first = State.any(w)
    run = Run([], [first], [], 2 if clocks_agree else 3)
    run.solver.set("timeout", 60_000)
    run.solver.add(*ring(left_out), *initial(w, first), first.now == 0)
    run.solver.add(*[first.current(thing(NODE_OF[p])) == thing(p) for p in ("p1", "p2", "p3", "p4")])
    run.solver.add(w.for_all(["Process"], lambda p: first.clock(p) == 0))
    generations = iter(["g1", "g1"] if "new-generation" in left_out else ["g1", "g2"])
    for entry in schedule:
        name, _, who = entry.partition(":")
        step = ACTION_NAMED[name](w, run.states[-1], left_out)
        run.solver.add(*step.guards, *step.after.definitions)
        if who:
            run.solver.add(step.part["process"] == thing(who))
        if name == "stand":
            run.solver.add(step.part["generation"] == thing(next(generations)))
        if name == "time":
            # Short steps, which are easier to read. The first is the quarantine, on the slowest clock, too.
            is_first = name not in run.names
            longest = z3.Q(102, 100)
            run.solver.add(step.after.now == longest if is_first else step.after.now <= run.states[-1].now + longest)
            if clocks_agree:
                run.solver.add(w.for_all(["Process"], lambda p, s=step.after: s.clock(p) == s.now))
        run.names.append(name)
        run.steps.append(step)
        run.states.append(step.after)
    return run
