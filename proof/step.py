"""What an action is: guards, the state afterwards, and who takes part; and what several actions have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from z3 import And, If, Not

from vocabulary import State, World, is_newer, is_retired, put


@dataclass
class Step:
    """One possible step: what must hold before, what the state is afterwards, and who took part."""

    guards: list[Any]
    after: State
    part: dict[str, Any] = field(default_factory=dict)


LeftOut = frozenset[str]
Action = Callable[[World, State, LeftOut], Step]


def unless(left_out: LeftOut, clause: str, guard: Any) -> Any:
    """The guard, unless its clause is left out."""
    return True if clause in left_out else guard


def learn(s: State, p: Any, g: Any, hop: Any) -> dict[str, Any]:
    """`Voter::learn`: the record becomes the newest one, unless a newer one or a tombstone is known."""
    news = And(is_newer(s, p, g, hop), Not(is_retired(s, p, g)))
    return {
        "newest_rank": put(s.newest_rank, [p], If(news, s.world.rank(g), s.newest_rank(p))),
        "newest_hop": put(s.newest_hop, [p], If(news, hop, s.newest_hop(p))),
    }


def hold(s: State, p: Any, g: Any, hop: Any, deadline: Any) -> dict[str, Any]:
    """The process has a copy on its screen; an older copy is gone."""
    return {
        "holds": put(s.holds, [p], True),
        "generation": put(s.generation, [p], g),
        "hop": put(s.hop, [p], hop),
        "deadline": put(s.deadline, [p], deadline),
        "lent": put(s.lent, [p], False),
        "retiring": put(s.retiring, [p], False),
    }
