"""A job replays many failed runs: each is performed once, and Whop throttles none of them."""

import os
import uuid
from datetime import timedelta
from typing import Any

import httpx

from aichats.aws.clients import converting
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.model import Run, run_id
from local.system import System
from tests.support.actions import whop_create_chat
from tests.support.mock_servers import MockServer
from tests.support.waiting import PATIENCE, until

RUNS = int(os.environ.get("AICHATS_BULK_RUNS", "150"))
"""The number of failed runs. With 1,000, the test takes more than two minutes, at eight runs a second."""
MOST_IN_A_MINUTE = 600
"""The number of chats that Whop lets a key create in a minute."""


def fail_many(system: System, label: str) -> list[str]:
    """Store runs that failed. Return their targets."""
    ledger = Ledger(
        converting(system.emulator.clients.dynamodb), system.stack.outputs["RunsTable"], timedelta(seconds=60)
    )
    action = whop_create_chat(title="Weekly revenue", message_text="Summarize last week.")
    targets = [f"biz_{label}{number}" for number in range(RUNS)]
    runs = [
        Run(run_id("http", label, target), "http", action, target, "2026-07-08-1", labels={"outage": label})
        for target in targets
    ]
    ledger.add_ended([(run, {"type": "PermissionDeniedError", "message": "whop: 403"}) for run in runs], "failed")
    return targets


def test_failed_runs_are_replayed_within_the_rate_limit_and_each_is_performed_once(
    system: System, api: httpx.Client, whop: MockServer
) -> None:
    whop.mode(rate_limit=MOST_IN_A_MINUTE)
    label = uuid.uuid4().hex[:8]
    targets = fail_many(system, label)
    filters = {"status": ["failed"], "label": f"outage:{label}"}
    body: dict[str, Any] = {"filter": filters, "limit": 10_000}

    counted = api.post("/runs/replay", json=body | {"dry_run": True}).json()
    assert (counted["count"], counted["has_more"]) == (RUNS, False)
    started = [api.post("/runs/replay", json=body, headers={"Idempotency-Key": label}) for _ in range(2)]
    assert started[0].status_code == 202
    assert started[0].json() == started[1].json()

    until(lambda: len(chats(whop, label)) >= RUNS, limit=PATIENCE + RUNS / 4)
    until(
        lambda: not api.get("/runs", params={"status": "pending,performing", "label": f"outage:{label}"}).json()["data"]
    )
    job = api.get(started[0].headers["Location"]).json()

    assert (job["count"], job["done"], job["left"], job["is_done"]) == (RUNS, RUNS, 0, True)
    assert sorted(chats(whop, label)) == sorted(targets)
    failed = api.post("/runs/replay", json=body | {"dry_run": True}).json()
    assert failed["count"] == 0
    assert [request for request in whop.state()["requests"] if request["status"] == 429] == []


def chats(whop: MockServer, label: str) -> list[str]:
    """Return the company of each chat that was created for a label."""
    companies = [str(chat["company_id"]) for chat in whop.state()["chats"]]
    return [company for company in companies if company.startswith(f"biz_{label}")]
