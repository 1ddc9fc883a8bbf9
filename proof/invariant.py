"""The invariant: what holds in every state that can be reached. One function for each conjunct.

The first conjunct is the theorem. It follows from three others; these, and all the rest, are what it takes to prove it step by step.
"""

from __future__ import annotations

from typing import Any, Callable

from z3 import And, Implies, Not, Or

from vocabulary import State, World, is_alive, is_request_running, is_spent, possesses, refuses, safe

Conjunct = Callable[[World, State], Any]


def never_two(w: World, s: State) -> Any:
    """No two processes possess the ball at the same moment."""
    return w.for_all(["Process", "Process"], lambda p, r: Implies(And(possesses(s, p), possesses(s, r)), p == r))


def holders_are_alive(w: World, s: State) -> Any:
    """Only a running process holds a copy."""
    return w.for_all(["Process"], lambda p: Implies(s.holds(p), is_alive(s, p)))


def nodes_have_processes(w: World, s: State) -> Any:
    """A node's current process belongs to that node and has been started."""
    return w.for_all(["Node"], lambda n: And(w.node_of(s.current(n)) == n, s.started(s.current(n))))


def only_started_die(w: World, s: State) -> Any:
    """A process that has not been started has not ended."""
    return w.for_all(["Process"], lambda p: Implies(s.dead(p), s.started(p)))


def requests_are_past(w: World, s: State) -> Any:
    """A request was sent in the past, its sender's clock has gone on since by at least 0.99 of that time, and its cover has its sender."""

    def past(q: Any) -> Any:
        age, gone = s.now - w.request_moment(q), s.clock(w.asker(q)) - w.request_clock(q)
        content = And(s.used(w.asks_for(q)), w.covers(q, w.asker(q)))
        return Implies(s.asked(q), And(age >= 0, gone >= safe(age), content))

    return w.for_all(["Request"], past)


def beats_are_past(w: World, s: State) -> Any:
    """A heartbeat was sent in the past, and its sender's clock has gone on since by at least 0.99 of that time."""

    def past(b: Any) -> Any:
        age, gone = s.now - w.beat_moment(b), s.clock(w.beat_of(b)) - w.beat_clock(b)
        return Implies(s.beat_sent(b), And(age >= 0, gone >= safe(age)))

    return w.for_all(["Beat"], past)


def beats_are_heard_later(w: World, s: State) -> Any:
    """Since it heard a heartbeat, a process has counted no more time than went by since the heartbeat was sent."""

    def later(p: Any, b: Any) -> Any:
        counted = s.clock(p) - s.heard_clock(p, b)
        return Implies(s.heard(p, b), And(s.beat_sent(b), counted <= s.now - w.beat_moment(b)))

    return w.for_all(["Process", "Beat"], later)


def candidates_are_before_the_win(w: World, s: State) -> Any:
    """While a process is a candidate for a generation, nobody has won it, and it is not given up."""

    def before(p: Any, g: Any) -> Any:
        return Implies(s.standing(p, g), And(s.used(g), Not(s.won(g)), Not(s.over(g))))

    return w.for_all(["Process", "Generation"], before)


def one_candidate(w: World, s: State) -> Any:
    """A generation has one candidate at most."""

    def one(p: Any, r: Any, g: Any) -> Any:
        return Implies(And(s.standing(p, g), s.standing(r, g)), p == r)

    return w.for_all(["Process", "Process", "Generation"], one)


def generations_begin_with_elections(w: World, s: State) -> Any:
    """A generation that was won, given up, or left began with an election; one that leaves is over."""

    def began(g: Any) -> Any:
        return And(
            Implies(s.won(g), s.used(g)), Implies(s.over(g), s.used(g)), Implies(s.leaving(g), s.over(g))
        )

    return w.for_all(["Generation"], began)


def grants_answer_requests(w: World, s: State) -> Any:
    """A voter grants only what was asked."""
    return w.for_all(["Node", "Request"], lambda n, q: Implies(s.granted(n, q), s.asked(q)))


def grants_are_promises(w: World, s: State) -> Any:
    """A grant binds the node until a lease after the request was sent, unless the lease is spent or the generation over."""

    def bound(n: Any, q: Any) -> Any:
        g = w.asks_for(q)
        counts = And(s.granted(n, q), is_request_running(s, q), Not(s.over(g)))
        promise = And(s.promised(n) == g, s.promised_until(n) >= w.request_moment(q) + w.lease)
        return Implies(counts, Or(promise, is_spent(s, q)))

    return w.for_all(["Node", "Request"], bound)


def promises_are_kept(w: World, s: State) -> Any:
    """While a promise binds a node that runs, its voter remembers it or is in quarantine, for long enough."""

    def kept(n: Any) -> Any:
        p = s.current(n)
        rest = s.promised_until(n) - s.now
        binds = And(rest > 0, Not(s.over(s.promised(n))), Not(s.dead(p)))
        remembers = And(s.given(n), s.vote(n) == s.promised(n), s.vote_until(n) - s.clock(p) >= rest)
        return Implies(binds, Or(remembers, s.quarantine_until(n) - s.clock(p) >= rest))

    return w.for_all(["Node"], kept)


def covers_are_remembered(w: World, s: State) -> Any:
    """A voter counts everyone to the cover whom a request that it granted names, until that lease ends; or it is spent."""

    def remembers(n: Any, q: Any, x: Any) -> Any:
        g, clock = w.asks_for(q), s.clock(s.current(n))
        rest = w.request_moment(q) + w.lease - s.now
        counts = And(s.granted(n, q), rest > 0, Not(s.over(g)), s.given(n), s.vote(n) == g, w.covers(q, x))
        return Implies(And(counts, Not(s.dead(s.current(n)))), Or(s.covered_until(n, x) - clock >= rest, is_spent(s, q)))

    return w.for_all(["Node", "Request", "Process"], remembers)


def leases_count_from_requests(w: World, s: State) -> Any:
    """The lease of a generation was asked for in it, ends a lease after that, and was granted by the quorum behind it."""

    def counts(g: Any) -> Any:
        q = s.lease_request(g)
        return Implies(s.won(g), And(s.asked(q), w.asks_for(q) == g, s.lease_end(g) == w.request_moment(q) + w.lease))

    def granted(g: Any, n: Any) -> Any:
        return Implies(And(s.won(g), w.member(n, s.behind(g))), s.granted(n, s.lease_request(g)))

    return And(w.for_all(["Generation"], counts), w.for_all(["Generation", "Node"], granted))


def possessors_are_covered(w: World, s: State) -> Any:
    """Whoever has a lease that runs, in a copy or in the last pass, is in its cover."""

    def holder(p: Any) -> Any:
        runs = And(s.holds(p), s.clock(p) < s.deadline(p))
        return Implies(runs, w.covers(s.lease_request(s.generation(p)), p))

    def receiver(m: Any) -> Any:
        g = w.pass_generation(m)
        last = And(s.pass_sent(m), w.has_echo(m), w.pass_hop(m) == s.top(g))
        return Implies(last, w.covers(s.lease_request(g), w.pass_to(m)))

    return And(w.for_all(["Process"], holder), w.for_all(["Pass"], receiver))


def fences_are_kept(w: World, s: State) -> Any:
    """Nobody holds a generation below its fence."""
    return w.for_all(["Process"], lambda p: Implies(s.holds(p), s.fence(p) <= w.rank(s.generation(p))))


def promises_are_short(w: World, s: State) -> Any:
    """No promise binds for longer than a lease from now, and no lease ends later."""
    promises = w.for_all(["Node"], lambda n: s.promised_until(n) <= s.now + w.lease)
    leases = w.for_all(["Generation"], lambda g: Implies(s.won(g), s.lease_end(g) <= s.now + w.lease))
    return And(promises, leases)


def a_quorum_stands_behind(w: World, s: State) -> Any:
    """While the lease of a generation runs, every node of one quorum has promised its vote to it until the end, or it is spent."""

    def stands(g: Any, n: Any) -> Any:
        runs = And(s.won(g), Not(s.over(g)), s.now < s.lease_end(g))
        promise = And(s.promised(n) == g, s.promised_until(n) >= s.lease_end(g))
        return Implies(And(runs, w.member(n, s.behind(g))), Or(promise, is_spent(s, s.lease_request(g))))

    return w.for_all(["Generation", "Node"], stands)


def possessors_are_backed(w: World, s: State) -> Any:
    """While a process has a lease that runs, every node of one quorum has promised its vote to that generation."""

    def backed(p: Any, n: Any) -> Any:
        g = s.generation(p)
        runs = And(s.holds(p), Not(s.over(g)), s.clock(p) < s.deadline(p))
        return Implies(And(runs, w.member(n, s.behind(g))), s.promised(n) == g)

    return w.for_all(["Process", "Node"], backed)


def deadlines_are_in_the_lease(w: World, s: State) -> Any:
    """A deadline that is ahead comes before the end of the lease, even if the holder's clock is the slowest."""

    def within(p: Any) -> Any:
        g = s.generation(p)
        left = s.deadline(p) - s.clock(p)
        return Implies(s.holds(p), And(s.won(g), Implies(left > 0, left <= safe(s.lease_end(g) - s.now))))

    return w.for_all(["Process"], within)


def passes_are_in_the_lease(w: World, s: State) -> Any:
    """The lease in a pass, counted from the echoed heartbeat, ends in time; so does what its sender may resend."""

    def within(m: Any) -> Any:
        g, echo = w.pass_generation(m), w.pass_echo(m)
        left = w.pass_deadline(m) - s.clock(w.pass_from(m))
        carried = And(
            s.beat_sent(echo),
            w.beat_of(echo) == w.pass_to(m),
            w.pass_span(m) <= s.lease_end(g) - w.beat_moment(echo),
        )
        in_time = Implies(left > 0, left <= safe(s.lease_end(g) - s.now))
        return Implies(s.pass_sent(m), And(s.won(g), in_time, Implies(w.has_echo(m), carried)))

    return w.for_all(["Pass"], within)


def passes_go_to_the_started(w: World, s: State) -> Any:
    """A pass goes to a process that has been started."""
    return w.for_all(["Pass"], lambda m: Implies(s.pass_sent(m), s.started(w.pass_to(m))))


def the_highest_hop_is_carried(w: World, s: State) -> Any:
    """A pass with the highest hop of its generation goes to the carrier; all earlier ones will be refused."""

    def carried(m: Any) -> Any:
        g, to, hop = w.pass_generation(m), w.pass_to(m), w.pass_hop(m)
        last = Implies(hop == s.top(g), to == s.carrier(g))
        earlier = Implies(hop < s.top(g), refuses(s, to, g, hop))
        return Implies(s.pass_sent(m), And(hop <= s.top(g), last, earlier))

    return w.for_all(["Pass"], carried)


def holders_are_carriers(w: World, s: State) -> Any:
    """A holder has the highest hop of its generation, is its carrier, and refuses that stamp from now on."""

    def carries(p: Any) -> Any:
        g, hop = s.generation(p), s.hop(p)
        return Implies(s.holds(p), And(hop == s.top(g), s.carrier(g) == p, refuses(s, p, g, hop)))

    return w.for_all(["Process"], carries)


def over_is_over(w: World, s: State) -> Any:
    """In a generation that is over, a copy is a guest that leaves, and every pass will be refused."""

    def copies(p: Any) -> Any:
        return Implies(s.holds(p), s.over(s.generation(p)) == s.retiring(p))

    def passes(m: Any) -> Any:
        g = w.pass_generation(m)
        return Implies(And(s.pass_sent(m), s.over(g)), refuses(s, w.pass_to(m), g, w.pass_hop(m)))

    return And(w.for_all(["Process"], copies), w.for_all(["Pass"], passes))


CONJUNCTS: list[Conjunct] = [
    never_two,
    holders_are_alive,
    nodes_have_processes,
    only_started_die,
    requests_are_past,
    beats_are_past,
    beats_are_heard_later,
    candidates_are_before_the_win,
    one_candidate,
    generations_begin_with_elections,
    grants_answer_requests,
    grants_are_promises,
    promises_are_kept,
    covers_are_remembered,
    leases_count_from_requests,
    possessors_are_covered,
    fences_are_kept,
    promises_are_short,
    a_quorum_stands_behind,
    possessors_are_backed,
    deadlines_are_in_the_lease,
    passes_are_in_the_lease,
    passes_go_to_the_started,
    the_highest_hop_is_carried,
    holders_are_carriers,
    over_is_over,
]

# From these alone the first sentence follows.
LEAD_TO_THE_THEOREM: list[Conjunct] = [possessors_are_backed, holders_are_carriers, over_is_over]


def initial(w: World, s: State) -> list[Any]:
    """A cold start: every node has just started, is in quarantine, and knows nothing; nothing was ever sent."""
    nothing_of_process = ["dead", "holds", "lent", "retiring"]
    nothing_of_generation = ["used", "won", "over", "leaving"]

    def node(n: Any) -> Any:
        p = s.current(n)
        quarantine = s.quarantine_until(n) == s.clock(p) + w.lease
        return And(w.node_of(p) == n, Not(s.given(n)), quarantine, s.promised_until(n) <= s.now)

    def process(p: Any) -> Any:
        idle = [Not(s.functions[name](p)) for name in nothing_of_process]
        knows = And(s.newest_rank(p) == 0, s.newest_hop(p) == 0, s.tombstone(p) == 0, s.fence(p) == 0)
        return And(*idle, knows, s.started(p) == (s.current(w.node_of(p)) == p))

    def generation(g: Any) -> Any:
        return And([Not(s.functions[name](g)) for name in nothing_of_generation])

    return [
        w.for_all(["Node"], node),
        w.for_all(["Process"], process),
        w.for_all(["Generation"], generation),
        w.for_all(["Process", "Generation"], lambda p, g: Not(s.standing(p, g))),
        w.for_all(["Request"], lambda q: Not(s.asked(q))),
        w.for_all(["Node", "Request"], lambda n, q: Not(s.granted(n, q))),
        w.for_all(["Beat"], lambda b: Not(s.beat_sent(b))),
        w.for_all(["Process", "Beat"], lambda p, b: Not(s.heard(p, b))),
        w.for_all(["Pass"], lambda m: Not(s.pass_sent(m))),
    ]
