"""Finds the newest runs of automations, without a write and without a read of the whole history.

One read of the newest runs of the stack finds the automations that ran recently. For every other schedule, one query
finds the newest slot. Only a single automation is also looked up in the history.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import batched, chain

from aichats.automations.model import ScheduleTrigger
from aichats.automations.row import AutomationRow
from aichats.automations.run_factory import slot_of
from aichats.automations.sweep_part import call_concurrently
from aichats.aws.table import BATCH_KEYS
from aichats.frozen import frozen
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.history import History
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import LANES, Row, RunStatus
from aichats.runs.ledger.times import from_text, to_text
from aichats.runs.model import Trigger

LANE_RUNS = 250
"""The number of runs that are read from each lane of the history."""
MAX_COUNTED_RUNS = 1000
"""The maximum number of runs that are counted for a list of automations."""
SEARCHED = timedelta(days=7)
"""The time in which the runs of a single automation are looked up."""
TOGETHER = timedelta(seconds=1)
"""The maximum time between the creations of runs without a slot that belong to the same occurrence."""
FROM_WORST_TO_BEST: tuple[RunStatus, ...] = (
    "unknown",
    "failed",
    "missed",
    "performing",
    "pending",
    "cancelled",
    "skipped",
    "succeeded",
)

type Pick = Callable[[Row], bool] | None
"""A function that decides whether a run counts; ``None`` if every run does, which needs fewer reads."""


# A dataclass, because the answers of the API have it, and pydantic knows dataclasses.
@dataclass(frozen=True)
class LastRun:
    """The newest runs of an automation: those of one slot, one event or one manual run.

    Attributes:
        at: the time at which aichats created the first of them.
        status: the worst status.
        counts: the number of runs with each status.
        counted_all: false if there are further runs, which were not read.
    """

    at: datetime
    trigger: Trigger
    slot: str | None
    status: RunStatus
    counts: Mapping[RunStatus, int]
    counted_all: bool


@frozen
class _Sample:
    """The ids of an automation's newest runs, newest first, and whether these are all runs of the occurrence."""

    run_ids: Sequence[str] = ()
    is_whole: bool = True

    def first(self, number: int) -> "_Sample":
        """Return a sample of at most ``number`` runs."""
        return _Sample(self.run_ids[:number], self.is_whole and len(self.run_ids) <= number)


@frozen
class LastRuns:
    """Finds the newest runs of automations."""

    ledger: Ledger
    history: History

    def find(self, row: AutomationRow, pick: Pick) -> LastRun | None:
        """Return the last run of an automation; ``None`` if it has not run in the last 7 days.

        The last run of a schedule is found for as long as its runs are kept.
        """
        return self.find_each([row], pick).get(row.name) or self._search(row, pick)

    def find_each(self, rows: Sequence[AutomationRow], pick: Pick) -> dict[str, LastRun]:
        """Return the last runs of automations, by name.

        An automation is left out if it is not a schedule and none of its runs are among the newest runs of the stack.
        """
        if not rows:
            return {}
        recent = self._recent()
        newest = {row.name: recent[row.name].run_ids[0] for row in rows if row.name in recent}
        heads = {str(head.run.automation): head for head in self._read(list(newest.values()))}
        limit = min(BATCH_KEYS, MAX_COUNTED_RUNS // len(rows))
        samples = call_concurrently(
            lambda row: self._sample(row, heads.get(row.name), recent.get(row.name, _Sample()), limit), rows
        )
        runs = {run.run.run_id: run for run in self._read(list(chain(*(sample.run_ids for sample in samples))))}
        found: dict[str, LastRun] = {}
        for row, sample in zip(rows, samples, strict=True):
            known = [runs[run_id] for run_id in sample.run_ids if run_id in runs]
            if picked := known if pick is None else list(filter(pick, known)):
                found[row.name] = _last_run(picked, is_whole=sample.is_whole)
        return found

    def _recent(self) -> dict[str, _Sample]:
        """Return the newest occurrence of each automation that is among the newest runs of the stack."""
        lanes = call_concurrently(partial(self.ledger.reads.newest, limit=LANE_RUNS), LANES)
        # All lanes were read down to this position.
        end = max((entries[-1]["made_at"] for entries, more in lanes if more and entries), default="")
        positions: defaultdict[str, list[str]] = defaultdict(list)
        for entry in chain(*(entries for entries, _ in lanes)):
            if "automation" in entry and entry["made_at"] >= end:
                positions[entry["automation"]].append(entry["made_at"])
        return {name: _newest(sorted(found, reverse=True), end) for name, found in positions.items()}

    def _sample(self, row: AutomationRow, head: Row | None, recent: _Sample, limit: int) -> _Sample:
        """Return the runs of an automation's newest occurrence. ``head`` is its newest run, if that is recent."""
        slot, run_id = (head.run.slot, head.run.run_id) if head else (None, "")
        # Missed runs of many slots are stored at once, so the newest one may have any of these slots.
        if (head is None and isinstance(row.automation.trigger, ScheduleTrigger)) or (head and head.status == "missed"):
            entry = self.ledger.reads.newest_slot(row.name)
            slot, run_id = (entry["slot"], entry["run_id"]) if entry else (slot, run_id)
        if slot is None:
            return recent.first(limit)
        if datetime.fromisoformat(slot) <= row.targets_changed_at:
            return _Sample([run_id, *self.ledger.reads.of_slot(row.name, slot).difference({run_id})]).first(limit)
        occurrence = slot_of(datetime.fromisoformat(slot))
        ids = [occurrence.run_id(row.name, target) for target in row.automation.targets]
        return _Sample(list(dict.fromkeys([run_id, *ids]))).first(limit)

    def _search(self, row: AutomationRow, pick: Pick) -> LastRun | None:
        """Look an automation up in the history since its creation."""
        now = self.ledger.clock()
        read = partial(self.history.page, only=RunFilter(automation=row.name), start=None, pick=pick)
        newest, _ = read(max(now - SEARCHED, row.created_at), now, limit=1)
        if not newest:
            return None
        until = newest[0].created_at
        runs, start = read(until - TOGETHER, until, limit=BATCH_KEYS)
        return _last_run(runs or newest, is_whole=start is None)

    def _read(self, run_ids: Sequence[str]) -> list[Row]:
        batches = list(batched(run_ids, BATCH_KEYS, strict=False))
        return list(chain(*call_concurrently(self.ledger.reads.rows, batches)))


def _newest(positions: Sequence[str], end: str) -> _Sample:
    """Return the newest occurrence among the positions of an automation's runs, which were read down to ``end``."""
    begin = to_text(from_text(positions[0].partition(" ")[0]) - TOGETHER)
    return _Sample([position.partition(" ")[2] for position in positions if position >= begin], begin > end)


def _last_run(rows: Sequence[Row], *, is_whole: bool) -> LastRun:
    """Return the last run that consists of these runs, newest first. Runs of another trigger don't belong to it."""
    newest = rows[0].run
    counted = [row for row in rows if (row.run.trigger, row.run.slot) == (newest.trigger, newest.slot)]
    counts = Counter(row.status for row in counted)
    return LastRun(
        at=min(row.created_at for row in counted),
        trigger=newest.trigger,
        slot=newest.slot,
        status=min(counts, key=FROM_WORST_TO_BEST.index),
        counts=dict(counts),
        counted_all=is_whole,
    )
