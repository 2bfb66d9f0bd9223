"""`aichats usage`: the runs, replies and tokens of days."""

from datetime import UTC, datetime
from typing import Any

from aichats.aws.transactions import Insertion, insert_once
from aichats.events.usage import usage_additions
from tests.support.cli import Cli


def count(cli: Cli, day: str, status: str, automation: str | None = "weekly", **fields: Any) -> None:
    """Count a run that was created on a day, as the consumer of the stream does."""
    row = {"created_at": f"{day}T09:00:00.000Z", "ended": status, "automation": automation, "target": "biz_A", **fields}
    items = cli.stack.app.event_log.items
    marker = {"pk": "marker", "sk": f"{datetime.now(UTC).isoformat()} {day} {status} {automation}"}
    insert_once([Insertion(items, marker, usage_additions(items, {}, row))])


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of each row by its first cell."""
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()}


def test_each_automation_has_a_row_and_all_together_have_one(cli: Cli) -> None:
    count(cli, "2026-11-19", "succeeded")
    count(cli, "2026-11-19", "failed")
    count(cli, "2026-11-20", "succeeded", "daily")

    used = cli("usage")

    found = rows(used.out)
    assert found["AUTOMATION"][:3] == ["TOTAL", "SUCCEEDED", "FAILED"]
    assert (found["weekly"][:3], found["daily"][:3]) == (["2", "1", "1"], ["1", "1", "0"])
    assert found["total"][:3] == ["3", "2", "1"]
    assert "From 2026-10-22 to 2026-11-20, days in UTC." in used.err


def test_days_are_days_in_utc_like_those_of_the_report(cli: Cli) -> None:
    # It is 00:30 on the 20th in Berlin, but still the 19th in UTC.
    cli.stack.clock.now = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)
    count(cli, "2026-11-19", "succeeded")

    used = cli("usage", "--since", "today", "--until", "today", "--by", "day")

    assert rows(used.out)["2026-11-19"][0] == "1"
    assert "From 2026-11-19 to 2026-11-19" in used.err
    assert "From 2026-11-18 to 2026-11-19" in cli("usage", "--since", "2026-11-18").err


def test_one_automation_and_targets_can_be_asked_for(cli: Cli) -> None:
    count(cli, "2026-11-20", "succeeded")
    count(cli, "2026-11-20", "succeeded", "daily")

    used = cli("usage", "--auto", "weekly", "--by", "target")

    assert rows(used.out)["biz_A"][0] == "1"
    assert cli("usage", "-o", "name").out.split() == ["daily", "weekly"]


def test_runs_without_an_automation_have_a_row_but_no_name(cli: Cli) -> None:
    count(cli, "2026-11-20", "succeeded", automation=None)

    assert "-" in rows(cli("usage").out)
    assert cli("usage", "-o", "name").out == ""


def test_json_is_the_report_of_the_api(cli: Cli) -> None:
    count(cli, "2026-11-20", "succeeded")

    report = cli("usage", "--since", "2026-11-20", "-o", "json").json

    assert (report["since"], report["by"]) == ("2026-11-20", "automation")
    assert report["total"]["runs"]["succeeded"] == 1


def test_a_terminal_leaves_out_columns_without_a_number(cli: Cli) -> None:
    count(cli, "2026-11-20", "skipped")

    assert "SKIPPED" in (out := cli("usage", terminal=True).out)
    assert "TOKENS" not in out
    assert "TOKENS" in cli("usage").out


def test_more_days_than_the_api_takes_are_its_error(cli: Cli) -> None:
    used = cli("usage", "--since", "100d")

    assert used.code == 1
    assert "must be at most 92" in used.err
