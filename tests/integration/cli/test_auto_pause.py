"""`aichats auto pause`, `resume` and `delete` on a stack in memory."""

import httpx
import pytest

from tests.support.automations_cli import create, definition, sent
from tests.support.cli import Cli


def states(cli: Cli) -> dict[str, str]:
    return {each["name"]: each["state"] for each in cli("auto", "list", "-o", "json").json}


def pauses(cli: Cli, name: str) -> list[tuple[str, str | None, str | None]]:
    shown = cli("auto", "show", name, "-o", "json").json["pauses"]
    return [(each["from"], each["until"], each["reason"]) for each in shown]


def test_an_automation_is_paused_until_you_resume(cli: Cli) -> None:
    create(cli, "daily")

    paused = cli("auto", "pause", "daily")

    assert (paused.code, paused.err) == (0, "Paused daily.\n")
    assert "from Fri 20 Nov 13:00 until you resume, by local" in paused.out
    shown = cli("auto", "show", "daily").out
    assert "paused   from Fri 20 Nov 13:00 until you resume, by local\n" in shown
    assert "pauses" not in shown
    assert cli("auto", "resume", "daily").err == "Resumed daily.\n"
    assert states(cli) == {"daily": "active"}


def test_a_pause_is_planned_with_dates_as_people_say_them(cli: Cli) -> None:
    create(cli, "daily")

    planned = cli("auto", "pause", "daily", "--from", "24 dec", "--until", "2 jan 9:00", "--reason", "Holidays")

    assert planned.err == "Planned a pause of daily.\n"
    assert pauses(cli, "daily") == [("2026-12-23T23:00:00Z", "2027-01-02T08:00:00Z", "Holidays")]
    assert states(cli) == {"daily": "active"}
    assert (
        "pauses   from Thu 24 Dec 00:00 until Sat 2 Jan 2027 09:00, by local: Holidays\n"
        in cli("auto", "show", "daily").out
    )


def test_resuming_names_the_pauses_that_stay(cli: Cli) -> None:
    create(cli, "daily")
    cli("auto", "pause", "daily", "--from", "24 dec")
    cli("auto", "pause", "daily", "--until", "tomorrow")

    resumed = cli("auto", "resume", "daily")
    assert resumed.err == (
        "Resumed daily. It has a planned pause. To remove it: aichats auto resume daily --from 2026-12-23T23:00:00Z\n"
    )

    removed = cli("auto", "resume", "daily", "--from", "2026-12-23T23:00:00Z")
    assert (removed.err, pauses(cli, "daily")) == ("Removed a planned pause of daily.\n", [])

    cli("auto", "pause", "--all")
    assert cli("auto", "resume", "daily").err == (
        "daily stays paused, because the whole stack is paused. To resume it: aichats auto resume --all\n"
    )


@pytest.mark.parametrize(
    ("begins", "until", "expected"),
    [
        ("fri", "mon", ("2026-11-26T23:00:00Z", "2026-11-29T23:00:00Z")),
        ("mon", "fri", ("2026-11-22T23:00:00Z", "2026-11-26T23:00:00Z")),
        ("1 dec", "24 nov", ("2026-11-30T23:00:00Z", "2027-11-23T23:00:00Z")),
    ],
)
def test_a_pause_ends_after_it_begins(cli: Cli, begins: str, until: str, expected: tuple[str, str]) -> None:
    create(cli, "daily")  # It is Friday, 20 November.

    cli("auto", "pause", "daily", "--from", begins, "--until", until)

    assert [each[:2] for each in pauses(cli, "daily")] == [expected]


def test_a_date_with_a_year_is_never_another_year(cli: Cli) -> None:
    create(cli, "daily")

    failed = cli("auto", "pause", "daily", "--from", "1 dec", "--until", "24 nov 2026")

    assert failed.code == 1
    assert pauses(cli, "daily") == []


def test_dates_can_be_in_another_zone(cli: Cli) -> None:
    create(cli, "daily")

    cli("auto", "pause", "daily", "--from", "24 dec", "--tz", "America/New_York")
    assert pauses(cli, "daily") == [("2026-12-24T05:00:00Z", None, None)]

    cli("auto", "resume", "daily", "--from", "24 dec", "--tz", "America/New_York")
    assert pauses(cli, "daily") == []


def test_several_automations_are_paused_and_resumed(cli: Cli) -> None:
    for name in ("one", "two", "three"):
        create(cli, name)

    paused = cli("auto", "pause", "one", "two", "-o", "name")

    assert paused.out == "one\ntwo\n"
    assert states(cli) == {"one": "paused", "two": "paused", "three": "active"}
    cli("auto", "resume", *paused.out.split())
    assert set(states(cli).values()) == {"active"}


def test_an_unknown_automation_ends_the_command_and_those_before_it_are_named(cli: Cli) -> None:
    create(cli, "one")

    paused = cli("auto", "pause", "one", "nope")

    assert (paused.code, paused.err) == (1, "Paused one.\nError: automation nope doesn't exist\n")


def test_a_pause_whose_answer_was_lost_is_not_added_twice(cli: Cli) -> None:
    create(cli, "daily")
    answer, cut = cli.answer, True

    def lose(request: httpx.Request) -> None:
        nonlocal cut
        if request.method == "POST" and cut:
            cut = False
            answer(request)
            raise httpx.ReadError("connection reset")

    cli.interfere = lose

    assert cli("auto", "pause", "daily", "--from", "in 3h", "--until", "in 2d").code == 0
    assert len(pauses(cli, "daily")) == 1


def test_the_stack_is_paused_and_resumed(cli: Cli) -> None:
    create(cli, "daily")

    paused = cli("auto", "pause", "--all", "--reason", "Too many chats")

    assert paused.code == 0
    assert paused.out.splitlines() == [
        "stack        paused",
        "pauses       from Fri 20 Nov 13:00 until you resume, by local: Too many chats",
        "resume with  aichats auto resume --all",
    ]
    assert "paused   the whole stack, from Fri 20 Nov 13:00" in cli("auto", "show", "daily").out
    assert cli("auto", "resume", "--all", "-o", "name").out == "active\n"
    assert states(cli) == {"daily": "active"}


def test_an_automation_that_was_created_paused_is_resumed(cli: Cli) -> None:
    create(cli, "daily", "--paused", "--label", "team=growth")
    before = definition(cli, "daily")

    resumed = cli("auto", "resume", "daily")

    assert (resumed.code, resumed.err) == (0, "Resumed daily.\n")
    assert states(cli) == {"daily": "active"}
    assert definition(cli, "daily") == before | {"trigger": before["trigger"] | {"enabled": True}}


def test_a_change_in_between_is_not_lost_when_an_automation_is_enabled(cli: Cli) -> None:
    create(cli, "daily", "--paused")
    changed = definition(cli, "daily") | {"description": "Changed meanwhile"}

    def change(request: httpx.Request) -> None:
        if request.method == "PUT":
            cli.stack.put(changed, "daily")

    cli.interfere = change
    resumed = cli("auto", "resume", "daily")

    assert resumed.code == 1
    assert "was changed" in resumed.err
    assert definition(cli, "daily")["description"] == "Changed meanwhile"
    assert states(cli) == {"daily": "paused"}


@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.parametrize("names", [(), ("daily", "--all")])
def test_either_names_or_all_are_needed(cli: Cli, verb: str, names: tuple[str, ...]) -> None:
    failed = cli("auto", verb, *names)

    assert failed.code == 2
    assert f"--all for the whole stack: aichats auto {verb} --all" in failed.err
    assert sent(cli) == []


def test_a_time_that_nobody_understands_changes_nothing(cli: Cli) -> None:
    failed = cli("auto", "pause", "daily", "--until", "later")

    assert failed.code == 2
    assert "'later' is not a time. Write one of these: now," in failed.err
    assert sent(cli) == []


def test_automations_are_deleted_after_a_question(cli: Cli) -> None:
    for name in ("one", "two", "three"):
        create(cli, name)

    deleted = cli("auto", "delete", "one", "two", "one", stdin="y\n", terminal=True)

    assert deleted.code == 0
    assert "one  every weekday at 08:30 (Europe/Berlin)" in deleted.err
    assert "Delete these 2 automations? [y/N]" in deleted.err
    assert list(states(cli)) == ["three"]


def test_without_a_yes_nothing_is_deleted(cli: Cli) -> None:
    create(cli, "one")

    for answer, terminal, code in (("n\n", True, 1), ("", False, 2)):
        assert cli("auto", "delete", "one", stdin=answer, terminal=terminal).code == code
    assert list(states(cli)) == ["one"]


def test_an_unknown_name_deletes_nothing(cli: Cli) -> None:
    create(cli, "one")

    deleted = cli("auto", "delete", "one", "nope", "--yes")

    assert (deleted.code, deleted.err) == (1, "Error: automation nope doesn't exist\n")
    assert list(states(cli)) == ["one"]


def test_a_deletion_whose_answer_was_lost_is_done(cli: Cli) -> None:
    create(cli, "one")
    answer, cut = cli.answer, True

    def lose(request: httpx.Request) -> None:
        nonlocal cut
        if request.method == "DELETE" and cut:
            cut = False
            answer(request)
            raise httpx.ReadError("connection reset")

    cli.interfere = lose
    deleted = cli("auto", "delete", "one", "--yes", "-o", "name")

    assert (deleted.code, deleted.out) == (0, "one\n")
    assert states(cli) == {}


def test_an_error_between_two_deletions_hides_none_of_them(cli: Cli) -> None:
    for name in ("one", "two", "three"):
        create(cli, name)
    cli.interfere = lambda request: (
        httpx.Response(403, json={"detail": "not allowed"})
        if (request.method, request.url.path) == ("DELETE", "/automations/two")
        else None
    )

    deleted = cli("auto", "delete", "one", "two", "three", "--yes", "-o", "name")

    assert (deleted.code, deleted.out) == (1, "one\n")
    assert list(states(cli)) == ["three", "two"]


def test_a_deletion_that_the_api_rejects_is_an_error(cli: Cli) -> None:
    create(cli, "one")
    cli.interfere = lambda request: (
        httpx.Response(403, json={"detail": "not allowed"}) if request.method == "DELETE" else None
    )

    deleted = cli("auto", "delete", "one", "--yes")

    assert (deleted.code, deleted.err.splitlines()[-1]) == (1, "Error: not allowed")
