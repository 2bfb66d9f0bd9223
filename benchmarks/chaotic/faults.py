"""Random faults for the calls of the functions."""

import random
from collections.abc import Sequence
from threading import Lock

import httpx

from benchmarks.chaotic.proxy import Call, Fate
from benchmarks.chaotic.scenario import LATE

REPEATED = {"status:429": 1.0, "status:500": 1.0, "drop_before": 1.0, "drop_after": 1.0, "error_after": 1.0}
"""Faults after which the client repeats a GET, by relative frequency. Further pages of a list get only these: if each
of ten pages could end the walk, hardly any walk would reach its end."""
FAULTS = REPEATED | {
    f"late:{LATE}": 1.0,
    "malformed": 1.0,
    "kill:before": 0.4,
    "kill:after": 0.4,
}
"""Faults of calls to the provider except delays, by relative frequency. A kill affects all ten runs of a batch, so it
is rarer."""
DELAYED = 0.5
"""Relative frequency of each delay."""
KILLS_PER_CALL_TO_AWS = 0.01
"""Share of killed calls to AWS, relative to the share of faulty calls to the provider."""
DELIVERIES = {1: 0.6, 2: 0.25, 3: 0.15}
"""Share of the messages by their number of deliveries."""
SEND = "AmazonSQS.SendMessageBatch"


class Chaos:
    """A thread-safe source of random faults.

    Args:
        share: share of faulty calls to the provider.
        seed: of all draws. The assignment of draws to calls still depends on the machine's speed.
        stand_in: URL of the provider's mock server, which performs the faults.
        delays: possible delays of a response, in seconds.
    """

    def __init__(self, share: float, seed: int, stand_in: str, delays: Sequence[float]) -> None:
        self._share = share
        self._faults = FAULTS | {f"delay:{seconds}": DELAYED for seconds in delays}
        self._random = random.Random(seed)
        self._lock = Lock()
        self._control = httpx.Client(base_url=f"{stand_in}/_control", trust_env=False, timeout=30)
        self.kills = 0

    def to_provider(self, call: Call) -> Fate:
        """Return the fate of a call to the provider, and arm a fault of the mock server for the next such call."""
        with self._lock:
            wrong = self._random.random() < self._share
            kinds = REPEATED if "after=" in call.path else self._faults
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
        """Return the fate of a call to AWS: messages arrive up to three times, and some clients are killed."""
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
