"""Usage: counters of runs, replies and tokens, for each day, automation and target.

A counter is the sum of what its rows show. So a change of a row adds the difference between the row after the change
and the row before it, and the order of changes does not matter. The day is the UTC day on which the run was created.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aichats.aws.table import Table
from aichats.aws.transactions import Addition
from aichats.aws.writes import Key
from aichats.runs.ledger.times import from_text

KEEP_USAGE = timedelta(days=400)
MAX_TARGET_BYTES = 900
"""The size at which a target is cut, because a sort key has at most 1,024 bytes."""


def usage_key(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the key of the counter of a run."""
    target = str(row.get("target") or "").encode()[:MAX_TARGET_BYTES].decode(errors="ignore")
    return f"usage#{row['created_at'][:10]}", f"{row.get('automation') or ''}#{target}"


def usage_of(row: Mapping[str, Any]) -> dict[str, int | Decimal]:
    """Return the part of a run in its counter: its status, its reply and its tokens. An open run has none."""
    status = row.get("ended")
    if status is None:
        return {}
    reply = {"replies": 1} if "replied_at" in row else {}
    tokens = {"tokens": row["tokens"]} if "tokens" in row else {}
    return {status: 1, **reply, **tokens}


def usage_additions(items: Table, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Addition]:
    """Return the additions to counters for the change of a run's row. Without an old row, the run is new."""
    amounts: dict[Key, dict[str, int | Decimal]] = {}
    for row, sign in ((old, -1), (new, 1)):
        for name, amount in usage_of(row).items():
            counter = amounts.setdefault(usage_key(row), {})
            counter[name] = counter.get(name, 0) + sign * amount
    ttl = int((from_text(new["created_at"]) + KEEP_USAGE).timestamp())
    return [Addition(items, key, counter, {"ttl": ttl}) for key, counter in amounts.items() if any(counter.values())]
