"""Overlap: with ``overlap: skip``, a slot whose automation is still busy with another slot starts nothing.

Its runs are stored as ``skipped``. A skipped slot ends no wait: the next slot looks at the slot before it. The error of
a skipped run names the slot that was open, so that the next slot finds this slot even behind many skipped ones.

A slot is decided once. If its event comes again, the slot goes on if it has started, and stays skipped if it was
skipped, even if only some of its runs were stored.
"""

from collections.abc import Sequence
from datetime import datetime

from aichats.automations.row import AutomationRow
from aichats.automations.run_factory import slot_of, store_skipped
from aichats.aws.observability import logger
from aichats.json_types import Json
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run, slot_text

MAX_ROWS = 2000
"""The number of rows after which aichats looks at no further slot. A slot is always read whole."""


def runs_without_overlap(ledger: Ledger, row: AutomationRow, slot: datetime, runs: list[Run]) -> list[Run]:
    """Return the runs of a slot to perform: all, or none if another slot is still open and the automation skips it.

    Args:
        ledger: the ledger. If the slot is skipped, its runs are stored as ``skipped``, unless they have a row.
        row: the automation.
        slot: the slot.
        runs: runs of the slot.
    """
    if row.automation.overlap == "allow" or not runs:
        return runs
    error = _why_skipped(ledger, row, slot_text(slot))
    if error is None:
        return runs
    store_skipped(ledger, [(run, error) for run in runs])
    log_fields = {"automation": row.name, "slot": slot_text(slot), "runs": len(runs), "reason": error["message"]}
    logger.warning("slot skipped: another slot is still open", extra=log_fields)
    return []


def _why_skipped(ledger: Ledger, row: AutomationRow, slot: str) -> Json | None:
    """Return the error of the slot's skipped runs; ``None`` if the slot may start, or has started."""
    occurrence = slot_of(datetime.fromisoformat(slot))
    own_ids = dict.fromkeys(occurrence.run_id(row.name, target) for target in row.automation.targets)
    own = ledger.reads.rows(list(own_ids))
    if any(_has_started(each) for each in own):
        return None
    skipped = next((each.error for each in own if each.status == "skipped" and each.error), None)
    return skipped or _open_slot(ledger, row.name, slot)


def _open_slot(ledger: Ledger, automation: str, slot: str) -> Json | None:
    """Return an error that names the newest other slot with open runs; ``None`` if there is none.

    The search ends at the newest slot that has started, because it started after all slots before it had ended.
    """
    read = 0
    ended = {slot}
    for other, ids in ledger.reads.slots(automation):
        if other == slot:
            continue
        if read >= MAX_ROWS:
            break
        rows = ledger.reads.rows(ids)
        read += len(rows)
        if error := _error(other, rows):
            return error
        for named in _named_slots(rows) - ended:
            if error := _error(named, ledger.reads.rows(sorted(ledger.reads.of_slot(automation, named)))):
                return error
            ended.add(named)
        if any(_has_started(each) for each in rows):
            break
    return None


def _error(slot: str, rows: Sequence[Row]) -> Json | None:
    """Return the error of the runs that are skipped because of this slot; ``None`` if none of its runs is open."""
    number = sum(row.is_open for row in rows)
    if not number:
        return None
    runs = "1 run" if number == 1 else f"{number} runs"
    message = f"{runs} of the slot {slot} had not ended, and the automation has overlap: skip"
    return {"type": "Skipped", "message": message, "slot": slot}


def _named_slots(rows: Sequence[Row]) -> set[str]:
    """Return the slots because of which runs were skipped."""
    return {row.error["slot"] for row in rows if row.status == "skipped" and row.error and "slot" in row.error}


def _has_started(row: Row) -> bool:
    """Return whether a run was to be performed."""
    return row.status not in ("skipped", "missed") and not row.unrendered
