"""``/runs/replay``, ``/runs/cancel`` and ``/jobs``: replay or cancel many runs as a job."""

import math
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter

from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.problems import RejectedError
from aichats.api.routes.runs import READ_SECONDS
from aichats.api.run_filters import RunConditions
from aichats.api.starting import bind_key, id_of, reserve_key, retry_with_key
from aichats.aws.errors import AwsError
from aichats.http.deadline import remaining
from aichats.models import OrElse, Request, RunId
from aichats.runs.ledger.jobs import JOB_RUNS, Job, Verb
from aichats.runs.queue import QueueError
from aichats.runs.queue_messages import JobMessage

SEARCHED_RUNS = 1000
"""The number of runs in a page of the search. A query of the history reads as many, so a smaller page wastes reads."""
SAMPLE = 10
"""The number of runs that a dry run names."""
_JOB = {"job_id": TypeAdapter[str](Annotated[RunId, OrElse("is not the id of a job")])}


class ReplayFilter(RunConditions):
    """The runs to replay."""

    status: Annotated[list[Literal["failed", "missed", "skipped", "unknown"]], Field(min_length=1, max_length=4)]


class CancelFilter(RunConditions):
    """The runs to cancel."""

    status: Annotated[list[Literal["pending", "performing", "unknown"]], Field(min_length=1, max_length=3)]


class _JobRequest(Request):
    dry_run: Annotated[bool, Field(description="Whether only to count the runs")] = False
    limit: Annotated[int, Field(ge=1, le=JOB_RUNS, description="The maximum number of runs")] = 1000


class ReplayRuns(_JobRequest):
    """The runs to replay, and how many of them."""

    filter: ReplayFilter


class CancelRuns(_JobRequest):
    """The runs to cancel, and how many of them."""

    filter: CancelFilter


class MatchingRuns(BaseModel):
    """The runs that a dry run found."""

    dry_run: Literal[True] = True
    count: int
    has_more: Annotated[bool, Field(description="Whether more runs may match than `limit`, or than were searched")]
    sample: Annotated[list[str], Field(description="The ids of the first 10 runs")]


class StartedJob(BaseModel):
    """The job that aichats stored and will perform."""

    job_id: str
    count: Annotated[int, Field(description="The number of its runs")]
    has_more: Annotated[bool, Field(description="Whether more runs may match, which are not in this job")]


class JobView(StartedJob):
    """A job, and how far it is."""

    verb: Verb
    by: Annotated[str, Field(description="The name of the client that started it")]
    created_at: datetime
    filter: dict[str, Any]
    done: Annotated[int, Field(description="The number of runs that were replayed or cancelled")]
    left: Annotated[
        int,
        Field(description="The number of runs that were left as they are, because they changed or can't be replayed"),
    ]
    is_done: Annotated[bool, Field(description="Whether the job has handled each run; replayed runs may be open")]


@operation(
    "POST",
    "/runs/replay",
    "Replay many runs",
    scopes=("runs:write",),
    body=ReplayRuns,
    answers={200: MatchingRuns, 202: StartedJob},
    limited=True,
    idempotent=True,
)
def replay_runs(call: ApiCall[ReplayRuns, None]) -> Reply:
    """Replay up to 10,000 runs that match a filter, as a job that keeps the providers' rate limits.

    The window of the filter is that of `GET /runs`. Each run is replayed once, even if the request is repeated with its
    `Idempotency-Key`. Runs that were opened after the request are left as they are. With `dry_run`, aichats only counts
    the runs. Otherwise, the header `Location` names the job.
    """
    return _start_job(call, "replay", call.body.filter)


@operation(
    "POST",
    "/runs/cancel",
    "Cancel many runs",
    scopes=("runs:write",),
    body=CancelRuns,
    answers={200: MatchingRuns, 202: StartedJob},
    limited=True,
    idempotent=True,
)
def cancel_runs(call: ApiCall[CancelRuns, None]) -> Reply:
    """Cancel up to 10,000 runs that match a filter, as a job.

    The window of the filter is that of `GET /runs`. Runs that were opened after the request are left as they are. With
    `dry_run`, aichats only counts the runs. Otherwise, the header `Location` names the job.
    """
    return _start_job(call, "cancel", call.body.filter)


@operation(
    "GET",
    "/jobs/{job_id}",
    "Get a job",
    scopes=("runs:read",),
    parameters=_JOB,
    answers={200: JobView},
    limited=True,
)
def get_job(call: ApiCall[None, None]) -> Reply:
    """Return a job and the number of runs that it has handled, for 30 days.

    A client that is limited to companies gets only its own jobs.
    """
    job = call.app.jobs.get(call.path["job_id"])
    is_visible = job is not None and (call.limit.companies is None or job.client == call.caller.identity)
    if job is None or not is_visible:
        raise RejectedError(HTTPStatus.NOT_FOUND, "not-found", f"job {call.path['job_id']} doesn't exist")
    results = call.app.jobs.results(job.job_id)
    shown = JobView(
        **_numbers(job),
        verb=job.verb,
        by=job.by,
        created_at=job.created_at,
        filter=dict(job.filter),
        done=sum(result.done for result in results.values()),
        left=sum(result.left for result in results.values()),
        is_done=len(results) == len(job.parts),
    )
    return Reply(shown)


def _start_job(call: ApiCall[Any, None], verb: Verb, conditions: ReplayFilter | CancelFilter) -> Reply:
    """Store a job, and send a message for each of its parts that has no result.

    Raises:
        RejectedError: aichats doesn't know whether the job is stored, or SQS did not accept its messages.
    """
    if call.body.dry_run:
        run_ids, has_more = _matching(call, conditions)
        return Reply(MatchingRuns(count=len(run_ids), has_more=has_more, sample=run_ids[:SAMPLE]))
    # A cancellation starts nothing, so it works while the stack is paused.
    key = (reserve_key if verb == "replay" else bind_key)(call, f"POST /runs/{verb}")
    try:
        job = _stored_job(call, verb, conditions, key)
        results = call.app.jobs.results(job.job_id)
        parts = [part for part in range(len(job.parts)) if part not in results]
        call.app.queue.send_job(*(JobMessage(job_id=job.job_id, part=part) for part in parts))
    except (AwsError, QueueError) as error:
        problem = "aichats doesn't know whether it started the whole job"
        raise retry_with_key(key, problem, "A job changes no run twice") from error
    return Reply(StartedJob(**_numbers(job)), HTTPStatus.ACCEPTED, {"Location": f"/jobs/{job.job_id}"})


def _stored_job(call: ApiCall[Any, None], verb: Verb, conditions: ReplayFilter | CancelFilter, key: str) -> Job:
    """Return the job of an earlier request with this key. If there is none, store a job with the runs that match."""
    job_id = id_of(call, f"POST /runs/{verb}", key, None)
    if call.idempotency_key is not None and (job := call.app.jobs.get(job_id)) is not None:
        return job
    created_at = call.app.ledger.clock()
    run_ids, has_more = _matching(call, conditions)
    new = Job(
        job_id=job_id,
        verb=verb,
        by=call.caller.name,
        client=call.caller.identity,
        filter=conditions.model_dump(mode="json", exclude_unset=True),
        created_at=created_at,
        run_ids=tuple(run_ids),
        has_more=has_more,
        companies=call.limit.companies,
    )
    return call.app.jobs.add(new)


def _numbers(job: Job) -> dict[str, Any]:
    return {"job_id": job.job_id, "count": len(job.run_ids), "has_more": job.has_more}


def _matching(call: ApiCall[Any, None], conditions: ReplayFilter | CancelFilter) -> tuple[list[str], bool]:
    """Return the ids of the newest runs that match, the oldest of them first, and whether more runs may match.

    The search ends with the limit of the request, or when the rest of its time is needed for the job.
    """
    limit, window = call.body.limit, conditions.window(call.app.ledger.clock())
    only = conditions.with_statuses(*conditions.status)
    run_ids: list[str] = []
    position: Mapping[str, Any] | None = None
    while len(run_ids) <= limit:
        rows, position = call.app.history.page(
            window.first_created,
            window.until,
            only=only,
            limit=SEARCHED_RUNS,
            start=position,
            pick=call.limit.pick,
        )
        run_ids += [row.run.run_id for row in rows if window.has(row)]
        if position is None or remaining(default=math.inf) < READ_SECONDS:
            break
    return run_ids[:limit][::-1], position is not None or len(run_ids) > limit
