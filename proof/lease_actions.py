"""Actions on votes and leases: time, restarts, elections, renewals. Each names its rule of docs/PROTOCOL.md."""

from __future__ import annotations

from typing import Any

from z3 import And, If, Implies, Not, Or, Q

from step import LeftOut, Step, hold, learn, unless
from vocabulary import State, World, is_alive, is_retired, put, safe

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
    """`q` is a line not sent before, and says what its sender's clock shows now. Its cover has its sender."""
    content = And(w.asker(q) == p, w.asks_for(q) == g)
    now = [w.request_clock(q) == s.clock(p), w.request_moment(q) == s.now]
    return [Not(s.asked(q)), content, *now, w.covers(q, p)]


def grant(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 1: a voter grants a request if its vote is free or that generation's, and it knows nothing higher.

    No other node grants; a process of any node may ask. It may also not grant. So the denials of rule 10 (guests) and of rule 11 (a double) are covered.
    """
    node, q = w.pick("Node", "voter"), w.pick("Request", "request")
    p, g = s.current(node), w.asks_for(q)
    runs = And(s.given(node), s.clock(p) < s.vote_until(node))
    guards = [
        *may_vote(w, s, left_out, node, q),
        unless(left_out, "vote-is-free", Implies(runs, s.vote(node) == g)),
    ]
    return Step(guards, after_vote(w, s, left_out, node, q), {"process": p, "generation": g})


def overrule(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 13: a voter grants a request although an older lease runs, which nobody can use any more.

    Everyone in its own cover of that lease has ended, or has promised to hold nothing below the new generation.
    """
    node, q = w.pick("Node", "voter"), w.pick("Request", "request")
    p, g = s.current(node), w.asks_for(q)

    def is_out(x: Any) -> Any:
        promises = Not(s.holds(x)) if "fence" in left_out else s.fence(x) >= w.rank(g)
        return Implies(s.covered_until(node, x) > s.clock(p), Or(s.dead(x), promises))

    guards = [
        *may_vote(w, s, left_out, node, q),
        s.given(node),
        w.rank(s.vote(node)) < w.rank(g),
        w.for_all(["Process"], is_out),
    ]
    return Step(guards, after_vote(w, s, left_out, node, q), {"process": p, "generation": g})


def may_vote(w: World, s: State, left_out: LeftOut, node: Any, q: Any) -> list[Any]:
    """A voter past its quarantine has a request, and knows nothing higher."""
    p, g = s.current(node), w.asks_for(q)
    return [
        s.asked(q),
        w.votes(node),
        is_alive(s, p),
        unless(left_out, "quarantine", s.clock(p) >= s.quarantine_until(node)),
        w.rank(g) >= s.newest_rank(p),
        Not(is_retired(s, p, g)),
    ]


def after_vote(w: World, s: State, left_out: LeftOut, node: Any, q: Any) -> State:
    """The vote is given for a lease, and so long the voter remembers the cover of the request."""
    clock, g = s.clock(s.current(node)), w.asks_for(q)
    same = And(s.given(node), s.vote(node) == g, "cover-is-kept" not in left_out)

    def covered_until(n: Any, x: Any) -> Any:
        counted = If(w.covers(q, x), clock + w.lease, If(same, s.covered_until(n, x), clock))
        return If(n == node, counted, s.covered_until(n, x))

    return s.change(
        given=put(s.given, [node], True),
        vote=put(s.vote, [node], g),
        vote_until=put(s.vote_until, [node], clock + w.lease),
        covered_until=covered_until,
        promised=put(s.promised, [node], g),
        promised_until=put(s.promised_until, [node], s.now + w.lease),
        granted=put(s.granted, [node, q], True),
    )


def fence(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 13: a process promises never to hold the ball in a generation below this one; it holds none."""
    p, g = w.pick("Process", "promising"), w.pick("Generation", "new")
    higher = If(w.rank(g) > s.fence(p), w.rank(g), s.fence(p))
    guards = [is_alive(s, p), Implies(s.holds(p), w.rank(s.generation(p)) >= w.rank(g))]
    return Step(guards, s.change(fence=put(s.fence, [p], higher)), {"process": p, "generation": g})


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
        s.fence(p) <= w.rank(g),
        hop >= 0,
    ]
    after = s.change(
        standing=put(s.standing, [p, g], False),
        won=put(s.won, [g], True),
        top=put(s.top, [g], hop),
        carrier=put(s.carrier, [g], p),
        lease_end=put(s.lease_end, [g], w.request_moment(q) + w.lease),
        lease_request=put(s.lease_request, [g], q),
        behind=put(s.behind, [g], quorum),
        **hold(s, p, g, hop, deadline),
        **learn(s, p, g, hop),
    )
    return Step(guards, after, {"process": p, "generation": g, "deadline": deadline})


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
        w.request_moment(q) >= w.request_moment(s.lease_request(g)),
    ]
    after = s.change(
        deadline=put(s.deadline, [p], deadline),
        lease_end=put(s.lease_end, [g], w.request_moment(q) + w.lease),
        lease_request=put(s.lease_request, [g], q),
        behind=put(s.behind, [g], quorum),
    )
    return Step(guards, after, {"process": p, "generation": g, "deadline": deadline})


def cancel(w: World, s: State, left_out: LeftOut) -> Step:
    """Rule 6: a candidate gives up and will never hold that generation; voters may have their votes back."""
    p, g = w.pick("Process", "candidate"), w.pick("Generation", "given_up")
    after = s.change(standing=put(s.standing, [p, g], False), over=put(s.over, [g], True))
    return Step([is_alive(s, p), s.standing(p, g)], after, {"process": p, "generation": g})
