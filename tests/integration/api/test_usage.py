"""``GET /usage``: the runs, replies and tokens of days, by automation, target or day."""

from collections.abc import Sequence
from copy import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aichats.api.app import create_api
from aichats.api.routes import usage
from aichats.aws.transactions import Insertion, insert_once
from aichats.bootstrap import Application
from aichats.events import usage_reads
from aichats.events.usage import usage_additions
from aichats.http.deadline import time_limit
from aichats.http.transport import MAX_CONNECTIONS
from tests.support.fakes import FakeSecretsManager, Json
from tests.support.lambda_calls import CALLERS_SECRET, LOCAL, SECRETS, HttpCaller, make_application, stored_caller
from tests.support.whop_in_memory import WhopInMemory

NO_RUNS = dict.fromkeys(("total", "succeeded", "failed", "unknown", "missed", "skipped", "cancelled"), 0)


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)


def row(day: str, ended: str, automation: str | None = "weekly", target: str | None = "biz_A", **fields: Any) -> Json:
    """Return the row of an ended run, as far as usage needs it."""
    named = {name: value for name, value in (("automation", automation), ("target", target)) if value}
    return {"created_at": f"{day}T09:00:00.000Z", "ended": ended, **named, **fields}


def count(app: Application, rows: Sequence[Json], old: Json | None = None) -> None:
    """Count rows, as the consumer of the stream does."""
    for index, new in enumerate(rows):
        additions = usage_additions(app.event_log.items, old or {}, new)
        marker = {"pk": "marker", "sk": f"{datetime.now(UTC).isoformat()} {index}"}
        insert_once([Insertion(app.event_log.items, marker, additions)])


def runs(**numbers: int) -> Json:
    return NO_RUNS | {"total": sum(numbers.values())} | numbers


def test_usage_is_shown_for_each_automation(app: Application, api: HttpCaller) -> None:
    replied: Json = {"replied_at": "2026-11-20T09:00:09.000Z", "tokens": Decimal("0.1")}
    count(app, [row("2026-11-20", "succeeded", **replied), row("2026-11-21", "succeeded", **replied, slot="x")])
    count(app, [row("2026-11-21", "failed", target="biz_B"), row("2026-11-21", "skipped", automation=None)])

    answer = api("GET", "/usage", query="since=2026-11-20&until=2026-11-21")

    assert answer.json == {
        "since": "2026-11-20",
        "until": "2026-11-21",
        "by": "automation",
        "data": [
            {"automation": None, "runs": runs(skipped=1), "replies": 0, "tokens": "0"},
            {"automation": "weekly", "runs": runs(succeeded=2, failed=1), "replies": 2, "tokens": "0.2"},
        ],
        "total": {"runs": runs(succeeded=2, failed=1, skipped=1), "replies": 2, "tokens": "0.2"},
    }


def test_usage_is_shown_for_each_target(app: Application, api: HttpCaller) -> None:
    count(
        app,
        [
            row("2026-11-20", "succeeded"),
            row("2026-11-20", "failed", automation="other"),
            row("2026-11-20", "missed", target=None),
        ],
    )

    answer = api("GET", "/usage", query="since=2026-11-20&until=2026-11-20&by=target")

    assert [(each["target"], each["runs"]) for each in answer.json["data"]] == [
        (None, runs(missed=1)),
        ("biz_A", runs(succeeded=1, failed=1)),
    ]


def test_usage_is_shown_for_each_day_with_the_days_without_runs(app: Application, api: HttpCaller) -> None:
    count(app, [row("2026-11-20", "succeeded"), row("2026-11-22", "succeeded", target="biz_B")])
    count(
        app,
        [row("2026-11-23", "failed")],
    )

    answer = api("GET", "/usage", query="since=2026-11-20&until=2026-11-22&by=day")

    assert [(each["day"], each["runs"]["total"]) for each in answer.json["data"]] == [
        ("2026-11-20", 1),
        ("2026-11-21", 0),
        ("2026-11-22", 1),
    ]
    assert answer.json["total"]["runs"]["total"] == 2


def test_usage_of_one_automation_leaves_out_others_whose_names_begin_alike(app: Application, api: HttpCaller) -> None:
    count(app, [row("2026-11-20", "succeeded"), row("2026-11-20", "succeeded", automation="weekly-2")])

    answer = api("GET", "/usage", query="since=2026-11-20&until=2026-11-20&automation=weekly")

    assert [each["automation"] for each in answer.json["data"]] == ["weekly"]


def test_the_last_thirty_days_are_the_default(app: Application, api: HttpCaller) -> None:
    app.ledger = replace(app.ledger, clock=lambda: datetime(2026, 11, 20, 23, 59, tzinfo=UTC))
    days = [date(2026, 11, 20) - timedelta(days=age) for age in (0, 29, 30)]
    count(app, [row(day.isoformat(), "succeeded") for day in days])

    answer = api("GET", "/usage")

    assert answer.json["total"]["runs"]["succeeded"] == 2
    assert answer.json["since"] == days[1].isoformat()


def test_a_run_that_was_not_counted_makes_no_number_negative(app: Application, api: HttpCaller) -> None:
    failed = row("2026-11-20", "failed")
    count(app, [{**failed, "ended": "succeeded"}], old=failed)

    answer = api("GET", "/usage", query="since=2026-11-20&until=2026-11-20")

    assert answer.json["total"]["runs"] == runs(succeeded=1)


def test_a_limited_client_sees_only_its_companies(whop: WhopInMemory) -> None:
    limited = stored_caller("limited", "runs:read") | {"companies": ["biz_A"]}
    secrets = FakeSecretsManager({**SECRETS, CALLERS_SECRET: {"agency": limited, "local": stored_caller(LOCAL)}})
    app = make_application(whop, secrets)
    count(app, [row("2026-11-20", "succeeded"), row("2026-11-20", "failed", target="biz_B")])
    api = HttpCaller(create_api(app).resolve)

    answer = api("GET", "/usage", query="since=2026-11-20&until=2026-11-20&by=target", token="Bearer limited")

    assert [each["target"] for each in answer.json["data"]] == ["biz_A"]
    assert answer.json["total"]["runs"] == runs(succeeded=1)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("since=yesterday", "since: must be a date such as 2026-11-30"),
        ("until=2026-02-30", "until: must be a date such as 2026-11-30"),
        ("since=1795165200", "since: must be a date such as 2026-11-30"),
        ("since=2026-11-20&until=2026-11-19", "since: must not be after until, and the days must be at most 92"),
        ("since=2026-01-01&until=2026-04-03", "since: must not be after until, and the days must be at most 92"),
        ("by=company", "by: must be 'automation', 'target' or 'day'"),
        ("automation=a%23b", "automation: "),
        ("month=11", "month: unknown parameter; use since, until, by, automation"),
    ],
)
def test_an_invalid_query_says_what_is_valid(query: str, problem: str, api: HttpCaller) -> None:
    answer = api("GET", "/usage", query=query)

    assert answer.status == 422
    assert answer.json["detail"].startswith(problem)


def test_ninety_two_days_are_read(api: HttpCaller) -> None:
    assert api("GET", "/usage", query="since=2026-01-01&until=2026-04-02&by=day").status == 200


def test_too_many_groups_say_how_to_ask_for_less(
    app: Application, api: HttpCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_reads, "MAX_GROUPS", 2)
    count(app, [row("2026-11-20", "succeeded", target=f"biz_{number}") for number in range(3)])

    answer = api("GET", "/usage", query="since=2026-11-20&until=2026-11-20&by=target")

    assert (answer.status, answer.fields) == (422, ["since"])
    assert (
        "there are more than 2 groups; ask for fewer days, for one automation, or with by=day" in answer.json["detail"]
    )
    assert api("GET", "/usage", query="since=2026-11-20&until=2026-11-20&by=day").status == 200


def test_an_answer_that_takes_too_long_says_how_to_ask_for_less(api: HttpCaller) -> None:
    with time_limit(usage_reads.RESERVED_FOR_ANSWER / 2):
        answer = api("GET", "/usage")

    assert answer.status == 422
    assert "there are too many counters to read in time" in answer.json["detail"]


def test_a_long_target_is_cut_so_that_it_can_be_counted(app: Application, api: HttpCaller) -> None:
    count(app, [row("2026-11-20", "failed", target="{{ é }}" * 1000)])

    answer = api("GET", "/usage", query="since=2026-11-20&until=2026-11-20&by=target")

    assert answer.json["total"]["runs"] == runs(failed=1)


def test_the_answer_has_all_statuses() -> None:
    assert set(usage.RunCounts.model_fields) == set(NO_RUNS)


def test_days_are_read_with_connections_that_the_client_keeps() -> None:
    assert MAX_CONNECTIONS >= usage_reads.READERS
