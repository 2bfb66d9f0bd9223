"""Jobs: a change of many runs that a client requested at once, with the ids of the runs and the results.

A job is one item, which is written once. Its runs are split into parts of 100. A second, small item gets the result of
each part, because a write costs as much as the whole item.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import batched
from typing import Literal, NamedTuple

from aichats.aws.table import Table
from aichats.aws.writes import ConditionFailedError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.ledger.times import from_text, to_text

JOB_RUNS = 10_000
"""The maximum number of runs in a job. Their ids take 320 KB, and an item of DynamoDB has at most 400 KB."""
PART_RUNS = 100
"""The number of runs in a part, except the last one. To open them takes about two seconds."""
KEEP_JOBS = timedelta(days=30)
"""The retention time of a job. It must be longer than 14 days, because a queue keeps a message for that time."""
ID_LENGTH = 32

type Verb = Literal["replay", "cancel"]


class PartResult(NamedTuple):
    """The numbers of a part's runs that were changed, and of those that were left as they are."""

    done: int
    left: int


@frozen
class Job:
    """A change of many runs.

    Attributes:
        by: the name of the client that requested it.
        client: the client's identity.
        filter: the filter of the request.
        created_at: the time of the request. A run that was opened later is left as it is.
        run_ids: the runs, those that were created first at the beginning.
        has_more: whether more runs matched the filter.
        companies: the companies that the client is limited to; ``None`` if it has no limit.
    """

    job_id: str
    verb: Verb
    by: str
    client: str
    filter: Json
    created_at: datetime
    run_ids: tuple[str, ...]
    has_more: bool
    companies: frozenset[str] | None = None

    @property
    def parts(self) -> list[tuple[str, ...]]:
        """The ids of the runs of each part."""
        return list(batched(self.run_ids, PART_RUNS, strict=False))


@frozen
class Jobs:
    """The jobs in the table of runs. Safe to share between threads."""

    items: Table

    def add(self, job: Job) -> Job:
        """Store a job, unless a job with its id exists. Return the stored job."""
        item = {
            "run_id": _key(job.job_id),
            "verb": job.verb,
            "by": job.by,
            "client": job.client,
            "filter": json.dumps(job.filter),
            "created_at": to_text(job.created_at),
            "ids": "".join(job.run_ids),
            "has_more": job.has_more,
            **({} if job.companies is None else {"companies": sorted(job.companies)}),
            "ttl": int((job.created_at + KEEP_JOBS).timestamp()),
        }
        try:
            self.items.put(item)
        except ConditionFailedError as error:
            return _job(error.current_item)
        return job

    def get(self, job_id: str) -> Job | None:
        """Return a job; ``None`` if it does not exist."""
        item = self.items.get(_key(job_id))
        return _job(item) if item else None

    def record(self, job: Job, part: int, result: PartResult) -> None:
        """Store the result of a part, unless the part has one."""
        name = f"part_{part}"
        changes = {name: result._asdict(), "ttl": int((job.created_at + KEEP_JOBS).timestamp())}
        with suppress(ConditionFailedError):
            self.items.update(_results_key(job.job_id), changes, f"attribute_not_exists(#{name})")

    def results(self, job_id: str) -> Mapping[int, PartResult]:
        """Return the results of the parts that have one, by the number of the part."""
        item = self.items.get(_results_key(job_id)) or {}
        return {
            int(name.removeprefix("part_")): PartResult(**value)
            for name, value in item.items()
            if name.startswith("part_")
        }


def _key(job_id: str) -> str:
    return f"job:{job_id}"


def _results_key(job_id: str) -> str:
    return f"job:{job_id}:results"


def _job(item: Json) -> Job:
    ids: str = item["ids"]
    return Job(
        job_id=item["run_id"].removeprefix("job:"),
        verb=item["verb"],
        by=item["by"],
        client=item["client"],
        filter=json.loads(item["filter"]),
        created_at=from_text(item["created_at"]),
        run_ids=tuple(ids[start : start + ID_LENGTH] for start in range(0, len(ids), ID_LENGTH)),
        has_more=item["has_more"],
        companies=frozenset(item["companies"]) if "companies" in item else None,
    )
