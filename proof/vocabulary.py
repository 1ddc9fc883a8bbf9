"""The words of the proof: what there is (sorts), what changes (the state), and how an action changes it.

A `World` is either unbounded (any number of everything; the proof) or finite (a few named things of each sort;
the stories and the checks that nothing is vacuous). Actions and invariant are written once, for both.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Callable, Sequence

import z3

# What there is any number of.
SORTS = ["Node", "Process", "Quorum", "Generation", "Request", "Beat", "Pass"]

# What never changes: the ring file, the order of the generations, and what stands in a line once it is sent.
# Name: (argument sorts, result sort, meaning).
FIXED = {
    "node_of": (["Process"], "Node", "The node that this process, one incarnation, runs for."),
    "votes": (["Node"], "Bool", "The node is one of the voters of the ring file."),
    "member": (["Node", "Quorum"], "Bool", "The node is one of this quorum."),
    "common": (["Quorum", "Quorum"], "Node", "A node that two quorums have in common."),
    "rank": (["Generation"], "Int", "Where the generation stands in the order by round and nonce."),
    "lease": ([], "Real", "The length of a lease."),
    # A request for a lease (`acquire`).
    "asker": (["Request"], "Process", "The process that sent the request."),
    "asks_for": (["Request"], "Generation", "The generation for which it asks."),
    "request_clock": (["Request"], "Real", "What the asker's clock showed when it sent the request."),
    "request_moment": (["Request"], "Real", "The reference time of that moment. No process knows it."),
    "covers": (["Request", "Process"], "Bool", "The request names this process: it may come to hold the ball in that lease."),
    # A heartbeat.
    "beat_of": (["Beat"], "Process", "The process that sent the heartbeat."),
    "beat_clock": (["Beat"], "Real", "What its clock showed; this is in the line (`at`)."),
    "beat_moment": (["Beat"], "Real", "The reference time of that moment. No process knows it."),
    # A pass.
    "pass_from": (["Pass"], "Process", "The process that sent the pass."),
    "pass_to": (["Pass"], "Process", "The process to whose connection it was written."),
    "pass_generation": (["Pass"], "Generation", "The generation of the ball."),
    "pass_hop": (["Pass"], "Int", "The hop of the ball when it arrives."),
    "pass_deadline": (["Pass"], "Real", "The deadline of the sender, on the sender's clock."),
    "has_echo": (["Pass"], "Bool", "The line carries an echo."),
    "pass_echo": (["Pass"], "Beat", "The heartbeat of the receiver that the line echoes."),
    "pass_span": (["Pass"], "Real", "`since` + `left`, both counted by the sender's clock."),
}

# What changes. Values marked "ghost" exist in the proof only; no process knows them. A few guards use them all the same:
# `used` says in `stand` that no two nonces are equal, and `over` says in `release` which votes the code gives back. Of
# `lease_request`, the code knows the cover, and that no request of an earlier holder was sent later.
STATE = {
    "now": ([], "Real", "Reference time: at every moment it runs as fast as the fastest clock."),
    "clock": (["Process"], "Real", "What the process's own clock shows."),
    "started": (["Process"], "Bool", "The process has been started."),
    "dead": (["Process"], "Bool", "The process has ended."),
    "current": (["Node"], "Process", "The process that the node started last."),
    # The voter, as the node's current process remembers it. A node that does not vote never grants.
    "given": (["Node"], "Bool", "The voter remembers a vote that it gave."),
    "vote": (["Node"], "Generation", "The generation that has the vote."),
    "vote_until": (["Node"], "Real", "When that lease ends, on the voter's clock."),
    "quarantine_until": (["Node"], "Real", "When the quarantine ends, on the voter's clock."),
    "promised": (["Node"], "Generation", "Ghost: the generation that got the node's vote last, restarts or not."),
    "promised_until": (["Node"], "Real", "Ghost: the reference time up to which somebody may rely on that vote."),
    "covered_until": (["Node", "Process"], "Real", "Until then, on its clock, the voter counts the process to the cover."),
    # What a process knows of the ball.
    "newest_rank": (["Process"], "Int", "The generation (its rank) of the newest record; 0 if there is none."),
    "newest_hop": (["Process"], "Int", "The hop of the newest record."),
    "tombstone": (["Process"], "Int", "Guests up to this rank have left; 0 if there is no tombstone."),
    "fence": (["Process"], "Int", "The process has promised to hold no generation below this rank; 0 for no promise."),
    # The holder.
    "holds": (["Process"], "Bool", "The process holds a copy of the ball."),
    "generation": (["Process"], "Generation", "The generation of that copy."),
    "hop": (["Process"], "Int", "The hop of that copy."),
    "deadline": (["Process"], "Real", "The deadline, on the holder's clock."),
    "lent": (["Process"], "Bool", "A window has the ball, or has just returned it."),
    "retiring": (["Process"], "Bool", "The ball is a guest that is leaving; it is no longer shown."),
    "standing": (["Process", "Generation"], "Bool", "The process is a candidate for this generation."),
    # Lines that have been sent. A line may be read at any later time, more than once, or never.
    "asked": (["Request"], "Bool", "The request has been sent."),
    "granted": (["Node", "Request"], "Bool", "The node has granted the request."),
    "beat_sent": (["Beat"], "Bool", "The heartbeat has been sent."),
    "heard": (["Process", "Beat"], "Bool", "The process has received the heartbeat."),
    "heard_clock": (["Process", "Beat"], "Real", "What the receiver's clock showed then."),
    "pass_sent": (["Pass"], "Bool", "The pass has been sent."),
    # The history of a generation.
    "used": (["Generation"], "Bool", "Ghost: an election for this generation has begun."),
    "won": (["Generation"], "Bool", "Ghost: that election has been won."),
    "over": (["Generation"], "Bool", "Ghost: no process will possess the ball in this generation any more."),
    "leaving": (["Generation"], "Bool", "The holder has asked the voters to let this guest leave."),
    "top": (["Generation"], "Int", "Ghost: the highest hop in this generation."),
    "carrier": (["Generation"], "Process", "Ghost: the one process that may hold this generation at its highest hop."),
    "lease_end": (["Generation"], "Real", "Ghost: the reference time by which every deadline in it has passed."),
    "lease_request": (["Generation"], "Request", "Ghost: the request from whose sending `lease_end` counts."),
    "behind": (["Generation"], "Quorum", "Ghost: the quorum that granted that request."),
}


class World:
    """The sorts and what never changes; `things` names the members of each sort, or is None for any number."""

    def __init__(self, things: dict[str, list[str]] | None = None) -> None:
        self.things: dict[str, list[Any]] | None = None
        self.sorts: dict[str, Any] = {"Bool": z3.BoolSort(), "Int": z3.IntSort(), "Real": z3.RealSort()}
        if things is None:
            self.sorts.update({name: z3.DeclareSort(name) for name in SORTS})
        else:
            self.things = {}
            for name in SORTS:
                self.sorts[name], self.things[name] = z3.EnumSort(name, things[name])
        for name, (arguments, result, _) in FIXED.items():
            setattr(self, name, self.function(name, arguments, result))
        self.picked = 0

    def function(self, name: str, arguments: Sequence[str], result: str) -> Any:
        """A function of that name about which nothing is known; a plain value if it has no arguments."""
        if not arguments:
            return z3.Const(name, self.sorts[result])
        return z3.Function(name, *[self.sorts[sort] for sort in arguments], self.sorts[result])

    def fresh_function(self, name: str, arguments: Sequence[str], result: str) -> Any:
        """The same under a name that nothing else has."""
        self.picked += 1
        return self.function(f"{name}!{self.picked}", arguments, result)

    def pick(self, sort: str, label: str) -> Any:
        """Something of that sort, chosen freely."""
        return self.fresh_function(label, [], sort)

    def for_all(self, sorts: Sequence[str], claim: Callable[..., Any]) -> Any:
        """The claim holds for all things of these sorts."""
        if self.things is not None:
            return z3.And([claim(*each) for each in product(*[self.things[sort] for sort in sorts])])
        variables = [z3.Const(f"{sort.lower()}_{i}", self.sorts[sort]) for i, sort in enumerate(sorts)]
        return z3.ForAll(variables, claim(*variables))

    def axioms(self) -> list[Any]:
        """What is assumed of the ring file and of generations."""
        return [
            self.lease > 0,
            self.quorums_meet(),
            self.for_all(["Node", "Quorum"], lambda n, q: z3.Implies(self.member(n, q), self.votes(n))),
            self.for_all(["Generation"], lambda g: self.rank(g) > 0),
            self.for_all(["Generation", "Generation"], lambda g, f: z3.Implies(self.rank(g) == self.rank(f), g == f)),
        ]

    def quorums_meet(self) -> Any:
        """Two quorums have a node in common. Majorities of the voters have; nothing else about a quorum is used."""

        def meet(q: Any, r: Any) -> Any:
            return z3.And(self.member(self.common(q, r), q), self.member(self.common(q, r), r))

        return self.for_all(["Quorum", "Quorum"], meet)


class State:
    """Everything that changes, at one moment: one function for each name in `STATE`."""

    def __init__(self, world: World, functions: dict[str, Any], definitions: list[Any]) -> None:
        self.world = world
        self.functions = functions
        # In a finite world, the tables of values that were changed since the state before.
        self.definitions = definitions

    def __getattr__(self, name: str) -> Any:
        try:
            return self.functions[name]
        except KeyError:
            raise AttributeError(name) from None

    @staticmethod
    def any(world: World) -> State:
        """A state of which nothing is known."""
        functions = {name: world.function(name, arguments, result) for name, (arguments, result, _) in STATE.items()}
        return State(world, functions, [])

    def change(self, **updates: Any) -> State:
        """The state in which only these functions have changed."""
        functions, definitions = dict(self.functions), []
        for name, update in updates.items():
            arguments, result, _ = STATE[name]
            if self.world.things is None:
                functions[name] = update
                continue
            table = self.world.fresh_function(name, arguments, result)
            functions[name] = table
            if not arguments:
                definitions.append(table == update)
                continue
            for each in product(*[self.world.things[sort] for sort in arguments]):
                definitions.append(table(*each) == update(*each))
        return State(self.world, functions, definitions)


def put(function: Any, place: Sequence[Any], value: Any) -> Callable[..., Any]:
    """The function that has `value` at `place`, and is otherwise as before."""

    def changed(*arguments: Any) -> Any:
        here = z3.And([argument == wanted for argument, wanted in zip(arguments, place)])
        return z3.If(here, value, function(*arguments))

    return changed


def safe(span: Any) -> Any:
    """A span as counted by a clock that may run one percent slow (`safe` in src/ring/context.rs)."""
    return z3.Q(99, 100) * span


def is_alive(s: State, p: Any) -> Any:
    """The process runs. It may be arbitrarily slow."""
    return z3.And(s.started(p), z3.Not(s.dead(p)), s.current(s.world.node_of(p)) == p)


def possesses(s: State, p: Any) -> Any:
    """The process holds a copy, the ball is on its screen, and its deadline is ahead: its LED is on."""
    return z3.And(s.holds(p), z3.Not(s.lent(p)), z3.Not(s.retiring(p)), s.clock(p) < s.deadline(p))


def is_newer(s: State, p: Any, g: Any, hop: Any) -> Any:
    """The stamp is above that of the newest record of this process."""
    rank = s.world.rank(g)
    return z3.Or(rank > s.newest_rank(p), z3.And(rank == s.newest_rank(p), hop > s.newest_hop(p)))


def is_retired(s: State, p: Any, g: Any) -> Any:
    """The process has a tombstone of this generation or a higher one."""
    return s.world.rank(g) <= s.tombstone(p)


def refuses(s: State, p: Any, g: Any, hop: Any) -> Any:
    """The process will never again accept a pass with this stamp."""
    return z3.Or(z3.Not(is_newer(s, p, g, hop)), is_retired(s, p, g))


def is_request_running(s: State, q: Any) -> Any:
    """Less than a lease of reference time has gone by since the request was sent."""
    return s.now < s.world.request_moment(q) + s.world.lease


def is_spent(s: State, q: Any) -> Any:
    """Nobody can use the lease of this request: everyone in its cover has ended, or will hold only higher generations."""
    w = s.world
    return w.for_all(
        ["Process"],
        lambda x: z3.Implies(w.covers(q, x), z3.Or(s.dead(x), s.fence(x) > w.rank(w.asks_for(q)))),
    )
