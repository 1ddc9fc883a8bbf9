"""Actions on the ball: passes, windows, guests, and what makes a holder let go. Each names its rule."""

from __future__ import annotations

from typing import Any

from z3 import And, If, Implies, Not, Or

from step import LeftOut, Step, hold, learn, unless
from vocabulary import State, World, is_alive, is_newer, is_retired, put, safe

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
    part = {"process": p, "of": w.beat_of(b)}
    return Step([is_alive(s, p), s.beat_sent(b), Not(s.heard(p, b))], after, part)


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


def is_covered(w: World, s: State, left_out: LeftOut, m: Any) -> Any:
    """Rule 13: only a process in the cover of the lease gets a lease with the ball."""
    covered = w.covers(s.lease_request(w.pass_generation(m)), w.pass_to(m))
    return unless(left_out, "pass-in-the-cover", Implies(w.has_echo(m), covered))


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
        is_covered(w, s, left_out, m),
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
        Implies(w.has_echo(m), w.has_echo(old)),
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
    span = w.pass_span(m) if "safe-span" in left_out else safe(w.pass_span(m))
    carried = w.beat_clock(w.pass_echo(m)) + span
    if "from-the-echo" in left_out:
        carried = s.clock(p) + w.pass_span(m)
    frozen = deadline == s.clock(p)
    guards = [
        is_alive(s, p),
        s.pass_sent(m),
        w.pass_to(m) == p,
        unless(left_out, "stamp-is-newer", is_newer(s, p, g, hop)),
        Not(is_retired(s, p, g)),
        unless(left_out, "fence-is-kept", s.fence(p) <= w.rank(g)),
        Or(frozen, And(w.has_echo(m), deadline <= carried)),
    ]
    after = s.change(**hold(s, p, g, hop, deadline), **learn(s, p, g, hop))
    return Step(guards, after, {"process": p, "generation": g, "hop": hop, "deadline": deadline})


# A holder lets go.


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
        covered_until=lambda n, x: If(n == node, at_most(s.covered_until(n, x), lease_away), s.covered_until(n, x)),
        quarantine_until=put(s.quarantine_until, [node], at_most(s.quarantine_until(node), lease_away)),
    )
    return Step([is_alive(s, p)], after, {"process": p})
