"""What can happen: one function for each action, with the rule of docs/PROTOCOL.md that it stands for.

An action may happen when all its guards hold, and never has to. So loss, delay, and every further reason not to
act are covered without being mentioned.
`left_out` names clauses that do not count, to see what happens without them (necessity.py).
"""

from __future__ import annotations

import ball_actions as ball
import lease_actions as lease
from step import Action

# Every action, by the rule under which the runner lists it.
ACTIONS: dict[str, list[Action]] = {
    "time and crashes": [lease.time, lease.crash],
    "rule 1, grant": [lease.grant, lease.hear_record],
    "rule 2, quarantine": [lease.start, lease.quarantine_again],
    "rule 3, deadline": [lease.ask_renewal, lease.renewed],
    "rules 4 and 8, pass": [ball.beat, ball.hear_beat, ball.pass_ball, ball.take],
    "rule 5, resend": [ball.resend],
    "rule 6, election": [lease.stand, lease.win, lease.cancel, lease.release],
    "rule 7, step down": [ball.step_down],
    "rule 9, lend": [ball.lend, ball.land],
    "rule 10, guests": [ball.leave, ball.retire],
    "rule 11, repair": [ball.drop, ball.limit_moments],
    "rule 13, takeover": [lease.fence, lease.overrule],
}
