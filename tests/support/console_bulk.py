"""Many automations and many runs, written as rows, because a thousand schedules that fire would take minutes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from aichats.automations.model import Automation
from aichats.automations.row import AutomationRow, item_from_row, next_row
from aichats.events.usage import usage_key, usage_of
from aichats.runs.action import to_json
from aichats.runs.ledger.row_changes import KEEP_ENDED, ended_item
from aichats.runs.ledger.rows import LANES, EndStatus, new_item
from aichats.runs.ledger.times import to_text
from aichats.runs.model import Run, run_id, slot_text
from tests.support.actions import whop_create_chat
from tests.support.automations import automation
from tests.support.budgets import BudgetedStack
from tests.support.console_automations import create, scheduled
from tests.support.fakes import Json
from tests.support.ledgers import NOON, load_items
from tests.support.stack_in_memory import StackInMemory

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo")
EXPRESSIONS = (
    "cron(0 9 ? * MON-FRI *)",
    "rate(1 hour)",
    "cron(30 17 * * ? *)",
    "cron(0 8 1 * ? *)",
    "rate(15 minutes)",
)
ENDS: Sequence[tuple[EndStatus, int]] = (
    ("succeeded", 88),
    ("failed", 5),
    ("missed", 3),
    ("skipped", 2),
    ("unknown", 1),
    ("cancelled", 1),
)
"""The number of runs of each status in a hundred."""
HUNDRED: Sequence[EndStatus] = [status for status, number in ENDS for _ in range(number)]
MIX = 37
"""A number without a common divisor with 100, so that the statuses are mixed."""
REPLY = timedelta(seconds=33)
SPAN = timedelta(days=27)


def many_automations(stack: StackInMemory, number: int) -> None:
    """Create automations, in several zones and with several schedules."""
    now, kinds = stack.clock(), [_kind(index) for index in range(len(ZONES) * len(EXPRESSIONS))]
    rows = (
        next_row(f"client-{index:04}-report", kinds[index % len(kinds)], None, now, "ops") for index in range(number)
    )
    load_items(stack.app.automation_table.table, map(item_from_row, rows))


def many_runs(stack: StackInMemory, number: int, *, until: datetime | None = None, span: timedelta = SPAN) -> None:
    """Write ended runs of the stack's automations, spread evenly over a time, with their usage.

    Args:
        stack: the stack. It has automations.
        number: the number of runs.
        until: the time of the newest run, by default now.
        span: the time from the oldest run to the newest one.
    """
    if not number:
        return
    usage: dict[tuple[str, str], Counter[str]] = {}
    rows = stack.app.automation_table.list()
    times = (number, until or stack.clock(), span)
    load_items(stack.app.ledger.table, _counted(_runs(rows, *times), usage))
    items = stack.app.event_log.items
    load_items(items.name, ({"pk": day, "sk": key, **numbers} for (day, key), numbers in usage.items()))
    if isinstance(stack, BudgetedStack):
        # Their events would be published one by one.
        stack.stream.take()


def _kind(index: int) -> Automation:
    zone, expression = ZONES[index % len(ZONES)], EXPRESSIONS[index // len(ZONES)]
    action = create("Report of {{ slot.date }}", "What has changed?")
    return automation(scheduled(expression, zone, action, "biz_A", "biz_B", labels={"tier": str(index % 3)}))


def _runs(rows: Sequence[AutomationRow], number: int, until: datetime, span: timedelta) -> Iterator[Json]:
    """Yield the items of runs, oldest first."""
    samples = [{status: _sample(row, status) for status, _ in ENDS} for row in rows]
    step = span / number
    for index in range(number):
        time, status = until - step * (number - 1 - index), HUNDRED[index * MIX % len(HUNDRED)]
        sample, id_ = samples[index % len(samples)][status], run_id("http", str(index), str(until))
        replied_at = {"replied_at": to_text(time + REPLY)} if "replied_at" in sample else {}
        yield sample | _own(id_, time) | replied_at


def _sample(row: AutomationRow, status: EndStatus) -> Json:
    """Return the item of a run of an automation, whose texts need no rendering."""
    action = whop_create_chat(title=f"Chat of {row.name}", message_text="What has changed?")
    target, labels = row.automation.targets[0], row.automation.labels
    run = Run("", "schedule", action, target, "2026-07-08-1", row.name, slot="", labels=labels)
    error = {"type": "APIError", "message": f"an example of a run that is {status}"}
    item = ended_item(new_item(run, NOON, NOON, {"action": to_json(action)}), status, error, NOON) | {"attempts": 1}
    reply = {"replied_at": to_text(NOON), "reply_seconds": Decimal(31), "tokens": Decimal(900)}
    result = {"chat_id": "aich_old", **reply} if status == "succeeded" else {}
    return {name: value for name, value in item.items() if name != "error" or not result} | result


def _own(id_: str, time: datetime) -> Json:
    """Return the attributes that each run has of its own."""
    begun, ended = to_text(time), time + timedelta(seconds=2)
    return {
        "run_id": id_,
        "lane": LANES[int(id_[0], 36) % len(LANES)],
        "made_at": f"{begun} {id_}",
        "slot": slot_text(time.replace(second=0, microsecond=0)),
        **dict.fromkeys(("created_at", "opened_at", "updated_at"), begun),
        "finished_at": to_text(ended),
        "ttl": int((ended + KEEP_ENDED).timestamp()),
    }


def _counted(items: Iterator[Json], usage: dict[tuple[str, str], Counter[str]]) -> Iterator[Json]:
    """Yield items, and count their usage."""
    for item in items:
        usage.setdefault(usage_key(item), Counter()).update(usage_of(item))
        yield item
