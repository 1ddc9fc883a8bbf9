"""What can happen: one function for each action, with the rule of docs/PROTOCOL.md that it stands for.

An action may happen when all its guards hold, and never has to. So loss, delay, and every further reason not to
act are covered without being mentioned.
`left_out` names clauses that do not count, to see what happens without them (necessity.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from z3 import And, If, Implies, Not, Or, Q

from vocabulary import State, World, is_alive, is_newer, is_retired, put, safe


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


# Time and processes.


def time(w: World, s: State, left_out: LeftOut) -> Step:
    """Time passes. In a span of reference time, every clock goes on by that span or up to one percent less."""
    later = w.pick("Real", "later")
    clock = w.fresh_function("clock", ["Process"], "Real")
    slowest = Q(98, 100) if "clocks" in left_out else Q(99, 100)

    def runs(p: Any) -> Any:
        gone = clock(p) - s.clock(p)
        return And(gone >= slowest * (later - s.now), gone <= later - s.now)

    return Step([later >= s.now, w.for_all(["Process"], runs)], s.change(now=later, clock=clock))


def crash(w: World, s: State, left_out: LeftOut) -> Step:
    """A process ends, in whatever way (a drained node at its end, too); what it knew is lost."""
    p = w.pick("Process", "crashing")
    after = s.change(dead=put(s.dead, [p], True), holds=put(s.holds, [p], False))
    return Step([is_alive(s, p)], after, {"process": p})


def start(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 2: a node starts again, knows nothing, and is in quarantine for one lease on its own clock."""
    p = w.pick("Process", "starting")
    node = w.node_of(p)
    after = s.change(
        started=put(s.started, [p], True),
        current=put(s.current, [node], p),
        given=put(s.given, [node], False),
        quarantine_until=put(s.quarantine_until, [node], s.clock(p) + w.lease),
        newest_rank=put(s.newest_rank, [p], 0),
        newest_hop=put(s.newest_hop, [p], 0),
        tombstone=put(s.tombstone, [p], 0),
    )
    return Step([Not(s.started(p)), s.dead(s.current(node))], after, {"process": p})


def quarantine_again(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 2: a node is told that another process has its name, and its quarantine begins again."""
    p = w.pick("Process", "told")
    end = s.clock(p) + w.lease
    after = s.change(quarantine_until=put(s.quarantine_until, [w.node_of(p)], end))
    return Step([is_alive(s, p)], after, {"process": p})


# Votes and leases.


def stand(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 6: a process becomes a candidate for a generation that nobody else has, and sends its request.

    When it does so is left open: stagger, back-off and its own vote do not matter for safety.
    """
    p, g, q = w.pick("Process", "candidate"), w.pick("Generation", "new"), w.pick("Request", "request")
    guards = [is_alive(s, p), unless(left_out, "new-generation", Not(s.used(g))), Not(s.holds(p))]
    after = s.change(
        used=put(s.used, [g], True),
        standing=put(s.standing, [p, g], True),
        asked=put(s.asked, [q], True),
    )
    return Step(guards + is_new_request(w, s, p, g, q), after, {"process": p, "generation": g})


def ask_renewal(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 3: a holder requests a renewal, whether its copy is frozen or not."""
    p, q = w.pick("Process", "holder"), w.pick("Request", "request")
    guards = [is_alive(s, p), s.holds(p), Not(s.retiring(p))]
    after = s.change(asked=put(s.asked, [q], True))
    return Step(guards + is_new_request(w, s, p, s.generation(p), q), after, {"process": p})


def is_new_request(w: World, s: State, p: Any, g: Any, q: Any) -> list[Any]:
    """`q` is a line not sent before, and says what its sender's clock shows now."""
    content = And(w.asker(q) == p, w.asks_for(q) == g)
    return [Not(s.asked(q)), content, w.request_clock(q) == s.clock(p), w.request_moment(q) == s.now]


def grant(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 1: a voter grants a request if its vote is free or that generation's, and it knows nothing higher.

    It may also not grant. So the denials of rule 10 (guests) and of rule 11 (a double) are covered.
    """
    node, q = w.pick("Node", "voter"), w.pick("Request", "request")
    p, g = s.current(node), w.asks_for(q)
    runs = And(s.given(node), s.clock(p) < s.vote_until(node))
    guards = [
        s.asked(q),
        is_alive(s, p),
        unless(left_out, "quarantine", s.clock(p) >= s.quarantine_until(node)),
        unless(left_out, "vote-is-free", Implies(runs, s.vote(node) == g)),
        w.rank(g) >= s.newest_rank(p),
        Not(is_retired(s, p, g)),
    ]
    after = s.change(
        given=put(s.given, [node], True),
        vote=put(s.vote, [node], g),
        vote_until=put(s.vote_until, [node], s.clock(p) + w.lease),
        promised=put(s.promised, [node], g),
        promised_until=put(s.promised_until, [node], s.now + w.lease),
        granted=put(s.granted, [node, q], True),
    )
    return Step(guards, after, {"process": p, "generation": g})


def hear_record(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 1: a voter keeps the record of a holder's request, granted or not.

    The proof lets it be any stamp at all, so it does not rest on the records being true.
    """
    p, g, hop = w.pick("Process", "voter"), w.pick("Generation", "reported"), w.pick("Int", "hop")
    return Step([is_alive(s, p)], s.change(**learn(s, p, g, hop)), {"process": p, "generation": g})


def release(w: World, s: State, left_out: LeftOut) -> Step:
    """Rules 6, 7: a voter takes its vote back from a generation that nobody will possess any more."""
    node = w.pick("Node", "voter")
    guards = [s.given(node), s.over(s.vote(node))]
    return Step(guards, s.change(given=put(s.given, [node], False)), {"process": s.current(node)})


def deadline_from(w: World, s: State, left_out: LeftOut, p: Any, q: Any) -> Any:
    """Rule 3: the deadline counts from the sending of the request, by 0.99 leases."""
    span = w.lease if "safe-lease" in left_out else safe(w.lease)
    return (s.clock(p) if "from-the-sending" in left_out else w.request_clock(q)) + span


def is_granted(w: World, s: State, q: Any, quorum: Any) -> Any:
    """Every node of the quorum has granted the request."""
    return w.for_all(["Node"], lambda node: Implies(w.member(node, quorum), s.granted(node, q)))


def win(w: World, s: State, left_out: LeftOut) -> Step:
    """Rules 3, 6: a candidate has the votes of a quorum in time, and goes on from the newest state it heard of."""
    p, q, quorum = w.pick("Process", "winner"), w.pick("Request", "request"), w.pick("Quorum", "quorum")
    g, hop = w.asks_for(q), w.pick("Int", "hop")
    deadline = deadline_from(w, s, left_out, p, q)
    guards = [
        is_alive(s, p),
        Not(s.holds(p)),
        s.asked(q),
        w.asker(q) == p,
        s.standing(p, g),
        is_granted(w, s, q, quorum),
        s.clock(p) < deadline,
        w.rank(g) > s.newest_rank(p),
        Not(is_retired(s, p, g)),
        hop >= 0,
    ]
    after = s.change(
        standing=put(s.standing, [p, g], False),
        won=put(s.won, [g], True),
        top=put(s.top, [g], hop),
        carrier=put(s.carrier, [g], p),
        lease_end=put(s.lease_end, [g], w.request_moment(q) + w.lease),
        behind=put(s.behind, [g], quorum),
        **hold(s, p, g, hop, deadline),
        **learn(s, p, g, hop),
    )
    return Step(guards, after, {"process": p, "generation": g, "deadline": deadline})


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


def renewed(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 3: a quorum has granted a renewal, and the deadline counts from the moment it was sent."""
    p, q, quorum = w.pick("Process", "holder"), w.pick("Request", "request"), w.pick("Quorum", "quorum")
    g = w.asks_for(q)
    deadline = deadline_from(w, s, left_out, p, q)
    guards = [
        is_alive(s, p),
        s.holds(p),
        Not(s.retiring(p)),
        s.generation(p) == g,
        s.asked(q),
        w.asker(q) == p,
        is_granted(w, s, q, quorum),
        deadline > s.deadline(p),
    ]
    end = w.request_moment(q) + w.lease
    # An earlier request may already have led to a later end, at an earlier holder.
    later = end > s.lease_end(g)
    after = s.change(
        deadline=put(s.deadline, [p], deadline),
        lease_end=put(s.lease_end, [g], If(later, end, s.lease_end(g))),
        behind=put(s.behind, [g], If(later, quorum, s.behind(g))),
    )
    return Step(guards, after, {"process": p, "generation": g, "deadline": deadline})


# Passes.


def beat(w: World, s: State, left_out: LeftOut) -> Step:
    """A process sends a heartbeat with what its clock shows."""
    p, b = w.pick("Process", "sender"), w.pick("Beat", "beat")
    content = And(w.beat_of(b) == p, w.beat_clock(b) == s.clock(p), w.beat_moment(b) == s.now)
    return Step([is_alive(s, p), Not(s.beat_sent(b)), content], s.change(beat_sent=put(s.beat_sent, [b], True)))


def hear_beat(w: World, s: State, left_out: LeftOut) -> Step:
    """A process receives a heartbeat, and remembers when."""
    p, b = w.pick("Process", "receiver"), w.pick("Beat", "beat")
    after = s.change(heard=put(s.heard, [p, b], True), heard_clock=put(s.heard_clock, [p, b], s.clock(p)))
    return Step([is_alive(s, p), s.beat_sent(b), Not(s.heard(p, b))], after)


def is_pass_of(w: World, s: State, p: Any, m: Any, deadline: Any) -> list[Any]:
    """`m` is a line not sent before; it promises no more of the lease than its sender has (times are rounded down)."""
    echo = w.pass_echo(m)
    span = deadline - s.heard_clock(p, echo)
    known = And(s.heard(p, echo), w.beat_of(echo) == w.pass_to(m), w.pass_span(m) <= span)
    return [
        Not(s.pass_sent(m)),
        w.pass_from(m) == p,
        s.started(w.pass_to(m)),
        w.pass_deadline(m) <= deadline,
        Implies(w.has_echo(m), known),
    ]


def pass_ball(w: World, s: State, left_out: LeftOut) -> Step:
    """Rules 4, 8, 9: a holder whose deadline is ahead passes the ball, and from then on does not hold it.

    A draining node and one that passes a lent ball on beyond the window chain do the same.
    """
    p, m = w.pick("Process", "sender"), w.pick("Pass", "pass")
    g, hop, to = s.generation(p), s.hop(p) + 1, w.pass_to(m)
    guards = [
        is_alive(s, p),
        s.holds(p),
        Not(s.retiring(p)),
        s.clock(p) < s.deadline(p),
        to != p,
        w.pass_generation(m) == g,
        w.pass_hop(m) == hop,
    ]
    after = s.change(
        holds=put(s.holds, [p], "let-go" in left_out),
        pass_sent=put(s.pass_sent, [m], True),
        top=put(s.top, [g], hop),
        carrier=put(s.carrier, [g], to),
        **learn(s, p, g, hop),
    )
    return Step(guards + is_pass_of(w, s, p, m, s.deadline(p)), after, {"process": p, "to": to, "hop": hop})


def resend(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 5: a pass is sent again, before its sender's deadline, and only to the same incarnation."""
    p, old, m = w.pick("Process", "sender"), w.pick("Pass", "unacknowledged"), w.pick("Pass", "again")
    same_node = w.node_of(w.pass_to(m)) == w.node_of(w.pass_to(old))
    guards = [
        is_alive(s, p),
        s.pass_sent(old),
        w.pass_from(old) == p,
        s.clock(p) < w.pass_deadline(old),
        w.pass_generation(m) == w.pass_generation(old),
        w.pass_hop(m) == w.pass_hop(old),
        same_node,
        unless(left_out, "same-incarnation", w.pass_to(m) == w.pass_to(old)),
    ]
    after = s.change(pass_sent=put(s.pass_sent, [m], True))
    part = {"process": p, "to": w.pass_to(m), "hop": w.pass_hop(m)}
    return Step(guards + is_pass_of(w, s, p, m, w.pass_deadline(old)), after, part)


def take(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 4: a process accepts a pass if its stamp is above that of its newest record, with the lease it carries.

    That a candidate ignores a pass of a lower generation, or ends its candidacy, is not needed here.
    """
    p, m, deadline = w.pick("Process", "receiver"), w.pick("Pass", "pass"), w.pick("Real", "deadline")
    g, hop = w.pass_generation(m), w.pass_hop(m)
    carried = w.beat_clock(w.pass_echo(m)) + safe(w.pass_span(m))
    if "from-the-echo" in left_out:
        carried = s.clock(p) + w.pass_span(m)
    frozen = deadline == s.clock(p)
    guards = [
        is_alive(s, p),
        s.pass_sent(m),
        w.pass_to(m) == p,
        unless(left_out, "stamp-is-newer", is_newer(s, p, g, hop)),
        Not(is_retired(s, p, g)),
        Or(frozen, And(w.has_echo(m), deadline <= carried)),
    ]
    after = s.change(**hold(s, p, g, hop, deadline), **learn(s, p, g, hop))
    return Step(guards, after, {"process": p, "generation": g, "hop": hop, "deadline": deadline})


# A ball is given up.


def cancel(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 6: a candidate gives up and will never hold that generation; voters may have their votes back."""
    p, g = w.pick("Process", "candidate"), w.pick("Generation", "given_up")
    after = s.change(standing=put(s.standing, [p, g], False), over=put(s.over, [g], True))
    return Step([is_alive(s, p), s.standing(p, g)], after, {"process": p, "generation": g})


def step_down(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 7: a holder drops its copy, for whatever reason, and its own vote may go to another generation."""
    p = w.pick("Process", "holder")
    after = s.change(holds=put(s.holds, [p], False), over=put(s.over, [s.generation(p)], True))
    return Step([is_alive(s, p), s.holds(p)], after, {"process": p})


def drop(w: World, s: State, left_out: LeftOut) -> Step:
    """Rules 10, 11: a holder drops its copy and keeps its vote (a double; a guest that has left)."""
    p = w.pick("Process", "holder")
    return Step([is_alive(s, p), s.holds(p)], s.change(holds=put(s.holds, [p], False)), {"process": p})


# Windows and guests.


def lend(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 9: a holder lends the ball to a window; it stays the holder, but no longer possesses the ball."""
    p = w.pick("Process", "lender")
    guards = [is_alive(s, p), s.holds(p), Not(s.retiring(p)), s.clock(p) < s.deadline(p)]
    return Step(guards, s.change(lent=put(s.lent, [p], True)), {"process": p})


def land(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 9: a lent ball is on its lender's screen again, with the next hop."""
    p = w.pick("Process", "lender")
    g, hop = s.generation(p), s.hop(p) + 1
    after = s.change(
        lent=put(s.lent, [p], False),
        hop=put(s.hop, [p], hop),
        top=put(s.top, [g], hop),
        carrier=put(s.carrier, [g], p),
        **learn(s, p, g, hop),
    )
    return Step([is_alive(s, p), s.holds(p), s.lent(p), Not(s.retiring(p))], after, {"process": p, "hop": hop})


def leave(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 10: a holder lets a guest leave: it is no longer shown, and the voters are asked to forget it."""
    p = w.pick("Process", "holder")
    g = s.generation(p)
    after = s.change(
        retiring=put(s.retiring, [p], True),
        over=put(s.over, [g], True),
        leaving=put(s.leaving, [g], True),
    )
    guards = [is_alive(s, p), s.holds(p), Not(s.lent(p)), s.clock(p) < s.deadline(p)]
    return Step(guards, after, {"process": p, "generation": g})


def retire(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 10: a voter sets a tombstone, forgets the records up to it, and takes its vote back from that guest.

    It does so for the holder's request, or because another voter has the tombstone.
    """
    p, g = w.pick("Process", "voter"), w.pick("Generation", "gone")
    node = w.node_of(p)
    tombstone = If(w.rank(g) > s.tombstone(p), w.rank(g), s.tombstone(p))
    forgets = s.newest_rank(p) <= tombstone
    after = s.change(
        tombstone=put(s.tombstone, [p], tombstone),
        newest_rank=put(s.newest_rank, [p], If(forgets, 0, s.newest_rank(p))),
        newest_hop=put(s.newest_hop, [p], If(forgets, 0, s.newest_hop(p))),
        given=put(s.given, [node], And(s.given(node), s.vote(node) != g)),
    )
    return Step([is_alive(s, p), s.leaving(g)], after, {"process": p, "generation": g})


# Repair.


def limit_moments(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 11: no moment that a process remembers is later than a lease from now."""
    p = w.pick("Process", "process")
    node, lease_away, safe_away = w.node_of(p), s.clock(p) + w.lease, s.clock(p) + safe(w.lease)

    def at_most(moment: Any, latest: Any) -> Any:
        return If(moment > latest, latest, moment)

    after = s.change(
        deadline=put(s.deadline, [p], at_most(s.deadline(p), safe_away)),
        vote_until=put(s.vote_until, [node], at_most(s.vote_until(node), lease_away)),
        quarantine_until=put(s.quarantine_until, [node], at_most(s.quarantine_until(node), lease_away)),
    )
    return Step([is_alive(s, p)], after, {"process": p})


# Every action, by the rule under which the runner lists it.
ACTIONS: dict[str, list[Action]] = {
    "time and crashes": [time, crash],
    "rule 1, grant": [grant, hear_record],
    "rule 2, quarantine": [start, quarantine_again],
    "rule 3, deadline": [ask_renewal, renewed],
    "rules 4 and 8, pass": [beat, hear_beat, pass_ball, take],
    "rule 5, resend": [resend],
    "rule 6, election": [stand, win, cancel, release],
    "rule 7, step down": [step_down],
    "rule 9, lend": [lend, land],
    "rule 10, guests": [leave, retire],
    "rule 11, repair": [drop, limit_moments],
}
