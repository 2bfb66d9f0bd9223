"""The counters of budgets in the table of runs: one item for each budget and period.

An item has the attributes ``runs`` and ``tokens``, and the limits for which they were last counted: ``limit_runs`` and
``limit_tokens``. Its changes are published, so aichats notices that a budget is used up.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aichats.aws.table import Table
from aichats.aws.transactions import Addition
from aichats.frozen import frozen
from aichats.runs.ledger.times import to_text
from aichats.schedules.periods import Period

COUNTER_PREFIX = "budget:"
"""The beginning of the keys of counters."""
STACK_OWNER = "STACK"
"""The owner of the stack's budget. No automation can have this name."""
KEEP_COUNTERS = timedelta(days=90)
"""The retention time of a counter after the end of its period."""


@frozen
class BudgetCounter:
    """The counter of a budget in one period.

    Args:
        items: the table of runs.
        owner: the name of an automation, or :data:`STACK_OWNER`.
        period: the period.
    """

    items: Table
    owner: str
    period: Period

    @property
    def key(self) -> str:
        """The key of the item."""
        return f"{COUNTER_PREFIX}{self.owner}:{self.period.name}"

    @classmethod
    def of_key(cls, items: Table, key: str) -> "BudgetCounter":
        """Return the counter whose item has this key.

        Raises:
            ValueError: it is not the key of a counter.
        """
        owner, period = key.removeprefix(COUNTER_PREFIX).split(":")
        return cls(items, owner, Period.named(period))

    def addition(
        self, amounts: Mapping[str, int | Decimal], limits: Mapping[str, int], time: datetime, *, within: bool = False
    ) -> Addition:
        """Return an addition to the counter.

        Args:
            amounts: the numbers to add to ``runs`` and ``tokens``.
            limits: the limits of ``runs`` and ``tokens`` now.
            time: the time of the change. It must be the same if the change is repeated.
            within: whether the addition must fail if it would exceed a limit.
        """
        assigned: dict[str, Any] = {f"limit_{kind}": limit for kind, limit in limits.items()}
        assigned |= {"updated_at": to_text(time), "ttl": int((self.period.ends + KEEP_COUNTERS).timestamp())}
        return Addition(self.items, self.key, amounts, assigned, limits if within else {})
