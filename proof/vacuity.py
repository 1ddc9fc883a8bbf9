"""The proof is not empty: every action can happen, and a whole life of a ball is possible.

Without this, a guard that can never hold would make every check about its action true.
"""

from __future__ import annotations

from dataclasses import dataclass

import z3

from actions import ACTIONS
from instance import NODE_OF, Run, ring, run_of, small_world, thing
from invariant import CONJUNCTS
from necessity import FIRST, election, passing
from vocabulary import State, possesses

# Election, renewal, pass, crash, takeover.
LIFE = [*FIRST, "time", "ask_renewal:p1", "grant:p1", "grant:p3", "renewed:p1", *passing("p1", "p2")]
LIFE += ["crash:p2", "time", *election("p3", "p1", "p3")]
# A guest is lent to a window, comes back, leaves, and every node forgets it.
GUEST = [*FIRST, "lend:p1", "land:p1", "leave:p1", "retire:p1", "retire:p2", "retire:p3", "drop:p1"]
# A candidate gives up, and a voter takes its vote back.
GIVEN_UP = ["time", "stand:p1", "grant:p2", "cancel:p1", "release:p2", *election("p3", "p2", "p3")]
# A node restarts, its quarantine ends, and its vote counts again.
RESTART = [*FIRST, "crash:p2", "start:p2b", "quarantine_again:p2b", "time", *election("p3", "p2b", "p3")]
# A node that does not vote is elected by two voters, renews its lease with two others, and passes the ball on.
NO_VOTER = ["time", *election("p4", "p1", "p2"), "time", "ask_renewal:p4", "grant:p2", "grant:p3", "renewed:p4"]
NO_VOTER += [*passing("p4", "p1")]
# The holder ends, the others promise to hold nothing older, and p3 takes the ball over while the old lease runs.
TAKEOVER = [*FIRST, *passing("p1", "p2"), "crash:p2", "stand:p3", "fence:p3", "fence:p1"]
TAKEOVER += ["overrule:p1", "grant:p3", "win:p3"]


@dataclass
class Possible:
    """Something that has to be possible, and whether z3 finds it so."""

    what: str
    found: bool


def actions() -> list[Possible]:
    """Every action, in some state of the small ring that satisfies the invariant."""
    world = small_world()
    state = State.any(world)
    solver = z3.Solver()
    solver.add(*ring(), *[conjunct(world, state) for conjunct in CONJUNCTS])
    found = []
    for action in (action for actions in ACTIONS.values() for action in actions):
        solver.push()
        step = action(world, state, frozenset())
        solver.add(*step.guards, *step.after.definitions)
        found.append(Possible(f"{action.__name__} is possible", solver.check() == z3.sat))
        solver.pop()
    return found


def lives() -> list[Possible]:
    """Whole lives from a cold start; in their last state the invariant holds, as everywhere."""
    schedules = (LIFE, GUEST, GIVEN_UP, RESTART, NO_VOTER, TAKEOVER)
    life, guest, given_up, restart, no_voter, takeover = [run_of(schedule) for schedule in schedules]
    old_lease = takeover.states[-1].lease_end(thing("g1"))
    takeover.solver.add(takeover.states[-1].now < old_lease)
    for run in (life, given_up, restart, takeover):
        run.solver.add(possesses(run.states[-1], thing("p3")))
    no_voter.solver.add(possesses(no_voter.states[-1], thing("p1")))
    end = guest.states[-1]
    guest.solver.add([z3.Not(end.holds(thing(process))) for process in NODE_OF])
    return [
        possible("a ball is elected, renewed, passed, lost in a crash, and taken over", life),
        possible("a guest is lent, comes back, leaves, and is forgotten", guest),
        possible("a candidate gives up, and its vote goes to another at once", given_up),
        possible("a node restarts, and its vote counts after the quarantine", restart),
        possible("a node that does not vote is elected, renews its lease, and passes the ball on", no_voter),
        possible("a ball whose holder has ended is taken over while its lease runs", takeover),
    ]


def possible(what: str, run: Run) -> Possible:
    """Whether the run is possible, and the invariant holds at its end."""
    run.solver.add([conjunct(small_world(), run.states[-1]) for conjunct in CONJUNCTS])
    return Possible(what, run.is_possible())
