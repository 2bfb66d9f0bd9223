"""What goes wrong, drawn at random for each call of the functions."""

import random
from threading import Lock

import httpx

from benchmarks.chaotic.proxy import Call, Fate

WHOP_SECONDS = 2.0
"""What the functions give a call to Whop."""
LIST_LAG = 0.8
LATE = 1.2
SETTLE_SECONDS = 4
"""Longer than a late create takes to be done and listed, with some time for a busy machine."""
REPEATED = {"status:429": 1.0, "status:500": 1.0, "drop_before": 1.0, "drop_after": 1.0, "error_after": 1.0}
"""Faults after which the client repeats a GET. Further pages of a list meet no others: where each of ten pages could
end the walk, hardly any walk would come to its end."""
FAULTS = REPEATED | {
    f"late:{LATE}": 1.0,
    "delay:0.5": 0.5,
    f"delay:{WHOP_SECONDS + 0.5}": 0.5,
    "malformed": 1.0,
    "kill:before": 0.4,
    "kill:after": 0.4,
}
"""What a call to Whop meets, and how often in proportion. A kill takes all ten runs of a batch, so it is rarer."""
KILLS_PER_CALL_TO_AWS = 0.01
"""In proportion to the share of calls to Whop that go wrong."""
DELIVERIES = {1: 0.6, 2: 0.25, 3: 0.15}
"""How often a message is delivered, and the share of the messages."""
SEND = "AmazonSQS.SendMessageBatch"


class Chaos:
    """Decides what each call meets. Safe to share between threads.

    Args:
        share: of the calls to Whop that go wrong.
        seed: of all draws. Which call meets which draw depends on the machine's pace all the same.
        stand_in: URL of the stand-in of Whop, which makes its own faults.
    """

    def __init__(self, share: float, seed: int, stand_in: str) -> None:
        self._share = share
        self._random = random.Random(seed)
        self._lock = Lock()
        self._control = httpx.Client(base_url=f"{stand_in}/_control", trust_env=False, timeout=30)
        self.kills = 0

    def to_whop(self, call: Call) -> Fate:
        """The fate of a call to Whop; a fault of the stand-in is armed there, for the next call like this one."""
        with self._lock:
            wrong = self._random.random() < self._share
            kinds = REPEATED if "after=" in call.path else FAULTS
            fault = self._random.choices(list(kinds), list(kinds.values()))[0] if wrong else None
        match fault:
            case None:
                return Fate()
            case "kill:before":
                return self._killed(Fate(kill="before"))
            case "kill:after":
                return self._killed(Fate(kill="after"))
        path = call.path.partition("?")[0]
        self._control.post("/faults", json=[{"method": call.method, "path": path, "fault": fault}]).raise_for_status()
        return Fate()

    def to_aws(self, call: Call) -> Fate:
        """The fate of a call to AWS: messages arrive up to three times, and now and then the caller is killed."""
        with self._lock:
            dies = self._random.random() < self._share * KILLS_PER_CALL_TO_AWS
            fate = Fate(kill=self._random.choice(["before", "after"]))
            deliveries = self._random.choices(list(DELIVERIES), list(DELIVERIES.values()))[0]
        if dies:
            return self._killed(fate)
        return Fate(arrivals=deliveries if call.headers.get("X-Amz-Target") == SEND else 1)

    def _killed(self, fate: Fate) -> Fate:
        self.kills += 1
        return fate
