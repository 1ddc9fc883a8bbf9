"""What happens without a clause: the clauses that the docs mark with ⚠, and the assumptions of the proof.

For each, what it says (the actions ask for it by its name), and the sequence of actions by which two
processes then come to possess one ball. z3 finds who takes part in it and when, or that it is impossible.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Clause:
    """A clause that can be left out."""

    says: str
    schedule: tuple[str, ...]
    # Whether the run can be told with clocks that all show the same.
    clocks_agree: bool = True


def election(candidate: str, *voters: str) -> tuple[str, ...]:
    """A process stands for election, gets these votes, and wins."""
    return (f"stand:{candidate}", *[f"grant:{voter}" for voter in voters], f"win:{candidate}")


def passing(sender: str, receiver: str) -> tuple[str, ...]:
    """A ball is passed, with an echo of a heartbeat of the receiver."""
    return ("beat", "hear_beat", f"pass_ball:{sender}", f"take:{receiver}")


FIRST = ("time", *election("p1", "p1", "p2"))
SECOND = election("p3", "p2", "p3")

# p1 has passed the ball to another process and ended; p2 takes its vote back for p3, while the lease of p1 runs.
DIED = ("beat", "hear_beat", "pass_ball:p1", "crash:p1", "stand:p3")
OVERRULED = ("overrule:p2", "grant:p3", "win:p3")

# The clauses marked in docs/PROTOCOL.md.
MARKED = {
    "vote-is-free": Clause(
        "Rule 1: a voter grants only if its vote is free or already given to that generation.",
        (*FIRST, *SECOND),
    ),
    "quarantine": Clause(
        "Rule 2: for one lease after its start a node grants nothing.",
        (*FIRST, "crash:p2", "start:p2b", "time", *election("p3", "p2b", "p3")),
    ),
    "from-the-sending": Clause(
        "Rule 3: the deadline counts from the moment at which the request was sent.",
        ("time", "stand:p1", "grant:p1", "grant:p2", "time", "win:p1", "time", *SECOND),
    ),
    "safe-lease": Clause(
        "Rule 3: a holder counts 0.99 leases, so that a slow clock does not make its lease longer.",
        (*FIRST, "time", *SECOND),
        clocks_agree=False,
    ),
    "let-go": Clause(
        "Rule 4: a holder that passes a ball no longer holds it.",
        (*FIRST, *passing("p1", "p2")),
    ),
    "stamp-is-newer": Clause(
        "Rule 4: a pass is accepted only if its stamp is above that of the newest record.",
        (*FIRST, *passing("p1", "p2"), *passing("p2", "p3"), "take:p2"),
    ),
    "from-the-echo": Clause(
        "Rule 4: the lease in a pass counts from the echo, not from the arrival.",
        (*FIRST, "beat", "hear_beat", "pass_ball:p1", "time", "take:p2", "time", *election("p3", "p1", "p3")),
    ),
    "safe-span": Clause(
        "Rule 4: the receiver counts 0.99 of that span, as its clock may be slower than the sender's.",
        ("beat", "hear_beat", *FIRST, "pass_ball:p1", "take:p2", "time", *election("p3", "p1", "p3")),
        clocks_agree=False,
    ),
    "same-incarnation": Clause(
        "Rule 5: a pass is sent again only to the same incarnation.",
        (*FIRST, *passing("p1", "p2"), *passing("p2", "p3"), "crash:p2", "start:p2b")
        + ("beat", "hear_beat", "resend:p1", "take:p2b"),
    ),
    "fence": Clause(
        "Rule 13: everyone in the cover has to be dead or fenced, not only those who hold the ball.",
        (*FIRST, *DIED, *OVERRULED, "take:p2"),
    ),
    "fence-is-kept": Clause(
        "Rule 13: a process that has promised so takes no ball of a lower generation.",
        (*FIRST, *DIED, "fence:p2", *OVERRULED, "take:p2"),
    ),
    "pass-in-the-cover": Clause(
        "Rule 13: a process outside the cover gets no lease with the ball.",
        (*FIRST, *DIED, *OVERRULED, "take:p4"),
    ),
    "cover-is-kept": Clause(
        "Rule 13: a voter remembers each cover for a lease, not only the one of the latest request.",
        (*FIRST, "time", "ask_renewal:p1", "grant:p2", *DIED, *OVERRULED, "take:p4"),
    ),
}

# What else the proof assumes.
OTHERS = {
    "new-generation": Clause(
        "Rule 6: no two elections have the same generation.",
        ("time", "stand:p1", "stand:p3", "grant:p1", "grant:p2", "win:p1", "grant:p2", "grant:p3", "win:p3"),
    ),
    "quorums-meet": Clause(
        "Assumption: two quorums have a node in common. With play-on, one node is a quorum.",
        ("time", *election("p1", "p1"), *election("p3", "p3")),
    ),
    "clocks": Clause(
        "Assumption: no clock runs more than one percent slower than another; here it may be two.",
        (*FIRST, "time", *SECOND),
        clocks_agree=False,
    ),
}

CLAUSES = MARKED | OTHERS
