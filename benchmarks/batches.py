"""Batches of runs, performed by `perform_runs` and by bare httpx: all ten at once, and one after another."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from functools import partial
from typing import Any, override

import httpx
from aws_lambda_powertools.utilities.typing import LambdaContext

from aichats.runs.action import Action
from aichats.runs.model import Run, run_id
from aichats.runs.providers.marks import marked_title
from aichats.runs.queue import Due
from aichats.runs.queue_messages import RunMessage, body_of
from benchmarks.errors import BenchmarkError

BATCH = 10
OURS, OURS_IN_TURN = "perform_runs", "perform_runs, one after another"
BARE, BARE_IN_TURN = "bare httpx, 10 threads", "bare httpx, one after another"
ACTION = Action(
    "whop.create_chat",
    {"title": "Weekly revenue", "message_text": "Summarize last week.", "notification_preference": "none"},
)
VERSION = "2026-07-08-1"

type Way = Callable[[Sequence[Run]], None]


class Context(LambdaContext):
    """The context of an invocation that has just started."""

    def __init__(self) -> None:
        self._function_name = "benchmark"
        self._memory_limit_in_mb = 512
        self._invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:benchmark"
        self._aws_request_id = "00000000-0000-0000-0000-000000000000"

    @staticmethod
    @override
    def get_remaining_time_in_millis() -> int:
        return 60_000


def environment(url: str) -> dict[str, str]:
    """Return the variables that Lambda and the template set, with the address of the mock services."""
    return {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "POWERTOOLS_METRICS_NAMESPACE": "aichats",
        "POWERTOOLS_SERVICE_NAME": "aichats",
        "SLOW_RUN_QUEUE_URL": f"{url}/slow-runs",
        "KODEY_BASE_URL": url,
        "KODEY_SECRET": "aichats/bench/kodey",
        "RUN_DEAD_LETTERS_URL": f"{url}/dead-letters",
        "RUN_QUEUE_URL": f"{url}/runs",
        "AUTOMATIONS_TABLE": "automations",
        "RUNS_TABLE": "runs",
        "WHOP_API_VERSION": VERSION,
        "WHOP_BASE_URL": f"{url}/api/v1",
        "WHOP_SECRET": "aichats/benchmark/whop",
    }


@contextmanager
def ways(url: str) -> Iterator[dict[str, Way]]:
    """Yield the four ways by name, for the services at ``url``. Logs and metrics are written but not shown."""
    os.environ |= environment(url)
    with redirect_stdout(io.StringIO()), httpx.Client(base_url=f"{url}/api/v1", timeout=30, trust_env=False) as client:
        from functions.perform_runs.app import lambda_handler

        yield {
            OURS: partial(by_perform_runs, lambda_handler),
            OURS_IN_TURN: partial(in_turn, lambda run: by_perform_runs(lambda_handler, [run])),
            BARE: partial(by_threads, client),
            BARE_IN_TURN: partial(in_turn, partial(call_whop, client)),
        }


def fan_out(runs: Sequence[Run]) -> None:
    """Write the rows and send their messages, as `run_schedule`, `POST /runs` and then `perform_runs` do."""
    from aichats.bootstrap import application

    application().dispatcher.enqueue(runs)
    application().queue.send_singly([Due.of(run, timedelta(0)) for run in runs])


def make_runs(first: int, number: int) -> list[Run]:
    """Return runs that each create a chat for another company, starting with company number ``first``."""
    companies = [f"biz_{index}" for index in range(first, first + number)]
    return [
        Run(
            run_id=run_id("schedule", "benchmark", "2026-11-23T09:00:00Z", company),
            trigger="schedule",
            action=ACTION,
            target=company,
            api_version=VERSION,
            automation="benchmark",
            slot="2026-11-23T09:00:00Z",
        )
        for company in companies
    ]


def by_perform_runs(handler: Callable[[dict[str, Any], LambdaContext], dict[str, Any]], runs: Sequence[Run]) -> None:
    """Handle one event of the run queue.

    Raises:
        BenchmarkError: a message failed.
    """
    records = [
        {"messageId": str(index), "body": body_of(RunMessage(run_id=run.run_id))} for index, run in enumerate(runs)
    ]
    failures = handler({"Records": records}, Context())["batchItemFailures"]
    if failures:
        raise BenchmarkError(f"{len(failures)} of {len(runs)} messages failed in perform_runs")


def by_threads(client: httpx.Client, runs: Sequence[Run]) -> None:
    """Make only the calls to Whop, in as many threads as `perform_runs` has."""
    with ThreadPoolExecutor(max_workers=len(runs)) as pool:
        for job in [pool.submit(call_whop, client, run) for run in runs]:
            job.result()


def in_turn(perform: Callable[[Run], None], runs: Sequence[Run]) -> None:
    """Perform one run after another."""
    for run in runs:
        perform(run)


def call_whop(client: httpx.Client, run: Run) -> None:
    """Make the two calls of a run: the create with the mark in its title, and the change to the clean title."""
    headers = {"authorization": "Bearer key_of_the_benchmark", "api-version-date": VERSION}
    body = {
        "message_text": ACTION.message,
        "title": marked_title(ACTION, run.run_id),
        "current_company_id": run.target,
    }
    created = client.post("/ai_chats", json=body, headers=headers).raise_for_status().json()
    changes = {"title": ACTION.title, "notification_preference": "none"}
    client.patch(f"/ai_chats/{created['id']}", json=changes, headers=headers).raise_for_status().json()
