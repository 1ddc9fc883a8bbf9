"""The checks: the initial state satisfies every conjunct, and every action preserves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator

import z3

from actions import ACTIONS
from invariant import CONJUNCTS, LEAD_TO_THE_THEOREM, initial
from step import LeftOut
from vocabulary import State, World

# A check that takes longer is not proved.
TIMEOUT_MS = 5_000


@dataclass
class Check:
    """One claim: under these assumptions, the conjunct holds."""

    rule: str
    name: str
    solver: Any

    def is_proved(self) -> bool:
        """Whether z3 finds that no counterexample exists. Its answer `unknown`, given twice, counts as no."""
        answer = self.solver.check()
        if answer == z3.unknown:
            # What it has learned from the checks before may lead it astray.
            again = z3.Solver()
            again.set("timeout", TIMEOUT_MS)
            again.add(self.solver.assertions())
            answer = again.check()
        return answer == z3.unsat

    def smt2(self) -> str:
        """The negation of the claim for any other solver: `unsat` means proved."""
        return "(set-logic ALL)\n" + self.solver.to_smt2()


def sentence(function: Any) -> str:
    """The first line of a docstring."""
    return (function.__doc__ or "").strip().splitlines()[0]


def axioms(world: World, left_out: LeftOut) -> list[Any]:
    """The assumptions, less those that are left out."""
    meet = world.quorums_meet()
    return [a for a in world.axioms() if "quorums-meet" not in left_out or not a.eq(meet)]


def all_checks(left_out: LeftOut = frozenset()) -> Iterator[Check]:
    """Every check, in the order of the rules; one is to be answered before the next is asked for."""
    world = World()
    before = State.any(world)
    solver = z3.Solver()
    solver.set("timeout", TIMEOUT_MS)
    solver.add(*axioms(world, left_out))
    yield from of_state(solver, world, before, "the initial state", "initial", initial(world, before))
    # The theorem follows from three other sentences, in whatever state, and so is not looked at after each action.
    theorem = CONJUNCTS[0]
    solver.push()
    solver.add(*[conjunct(world, before) for conjunct in LEAD_TO_THE_THEOREM], z3.Not(theorem(world, before)))
    yield Check("the theorem", f"any_state / {theorem.__name__}", solver)
    solver.pop()
    invariant = [conjunct(world, before) for conjunct in CONJUNCTS]
    for rule, actions in ACTIONS.items():
        for action in actions:
            step = action(world, before, left_out)
            assumed = invariant + step.guards
            yield from of_state(solver, world, step.after, rule, action.__name__, assumed)


def of_state(solver: Any, world: World, state: State, rule: str, name: str, assumed: list[Any]) -> Iterator[Check]:
    """Every conjunct in that state, under what is assumed."""
    solver.push()
    solver.add(*assumed)
    for conjunct in CONJUNCTS[1:]:
        solver.push()
        solver.add(z3.Not(conjunct(world, state)))
        yield Check(rule, f"{name} / {conjunct.__name__}", solver)
        solver.pop()
    solver.pop()
