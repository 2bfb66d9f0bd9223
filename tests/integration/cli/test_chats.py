"""`aichats chats` on a stack in memory: create, list, show and delete chats of Whop."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.support.cli import Cli
from tests.support.fakes import Json, ai_chat, error_response, page

HELLO = ("--message", "Hello")


def create(cli: Cli, *options: str) -> str:
    """Create a chat. Return its ID."""
    created = cli("chats", "create", *HELLO, *options, "-o", "name")
    assert created.code == 0, created.err
    return created.out.strip()


def chat_of(cli: Cli, chat_id: str) -> Json:
    """Return a chat as Whop has it."""
    return cli.stack.whop.chats[chat_id]


def fail_first(cli: Cli, method: str, *failures: Callable[[], httpx.Response | None]) -> None:
    """Let the first requests with a method fail instead of being answered."""
    left = iter(failures)

    def fail(request: httpx.Request) -> httpx.Response | None:
        failure = next(left, None) if request.method == method else None
        return failure() if failure else None

    cli.interfere = fail


def cut() -> httpx.Response:
    raise httpx.ReadError("cut")


def test_a_chat_is_created_with_all_that_was_typed(cli: Cli) -> None:
    chat = chat_of(cli, create(cli, "--for", "biz_A", "--title", "Plan", "--mute"))

    assert (chat["message_text"], chat["title"]) == ("Hello", "Plan")
    assert (chat["current_company_id"], chat["notification_preference"]) == ("biz_A", "none")


def test_a_message_comes_from_standard_input_or_from_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "message.md").write_text("Of a file\n")

    piped = cli("chats", "create", "--message", "-", "-o", "name", stdin="Two\nlines\n")
    of_file = cli("chats", "create", "--message-file", str(tmp_path / "message.md"), "-o", "name")

    assert chat_of(cli, piped.out.strip())["message_text"] == "Two\nlines"
    assert chat_of(cli, of_file.out.strip())["message_text"] == "Of a file"


def test_a_chat_attaches_files_of_this_machine_and_uploaded_ones(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF")

    chat = chat_of(cli, create(cli, "--attach", str(tmp_path / "report.pdf"), "--attach", "file_xxx"))

    assert chat["message_attachments"] == [{"id": "file_1"}, {"id": "file_xxx"}]
    assert cli.stack.whop.uploads == [b"%PDF"]


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("https://example.com/a.pdf", {"url": "https://example.com/a.pdf"}),
        ("s3://bucket/a.pdf", {"s3": "s3://bucket/a.pdf"}),
    ],
)
def test_a_url_is_fetched_by_aichats_and_not_by_the_command(cli: Cli, typed: str, sent: Json) -> None:
    cli.interfere = lambda _: httpx.Response(422, json={"title": "Stop", "detail": "stop"})
    cli("chats", "create", *HELLO, "--attach", typed)
    assert json.loads(cli.requests[0].content)["attachments"] == [sent]


def test_a_new_chat_is_shown(cli: Cli) -> None:
    shown = cli("chats", "create", *HELLO, "--title", "Plan")

    assert [line.split() for line in shown.out.splitlines()[:3]] == [
        ["id", "aich_1"],
        ["title", "Plan"],
        ["muted", "no"],
    ]
    assert cli("chats", "create", *HELLO, "-o", "json").json["id"] == "aich_2"


def test_a_lost_answer_creates_no_second_chat(cli: Cli) -> None:
    answer, lost = cli.answer, [True]

    def lose(request: httpx.Request) -> httpx.Response | None:
        if lost and lost.pop():
            answer(request)
            cut()
        return None

    cli.interfere = lose
    assert create(cli) == "aich_1"
    assert list(cli.stack.whop.chats) == ["aich_1"]


def test_a_network_that_stays_cut_is_an_error_that_says_to_look_first(cli: Cli) -> None:
    fail_first(cli, "POST", *[cut] * 9)

    failed = cli("chats", "create", *HELLO)

    assert failed.code == 1
    assert "Before you try again, look: aichats runs list --since 5m" in failed.err


def test_a_rejected_chat_is_an_error_that_names_the_field(cli: Cli) -> None:
    rejected = cli("chats", "create", *HELLO, "--for", "company")

    assert rejected.code == 1
    assert "company_id" in rejected.err
    assert "look: " not in rejected.err


def test_a_paused_stack_has_sent_nothing(cli: Cli) -> None:
    cli("auto", "pause", "--all")

    paused = cli("chats", "create", *HELLO)

    assert paused.code == 1
    assert "the stack is paused" in paused.err
    assert "→ aichats auto resume --all" in paused.err
    assert "may have been sent" not in paused.err


def test_a_chat_that_takes_long_is_a_run_to_follow(cli: Cli) -> None:
    cli.stack.whop.interfere = lambda _: error_response(503)

    queued = cli("chats", "create", *HELLO, "--for", "biz_A", "-o", "json")

    assert queued.code == 0
    assert queued.json["status"] == "pending"
    assert f"aichats runs watch {queued.json['run_id']}" in queued.err


def test_with_wait_a_chat_that_takes_long_is_shown_in_the_end(cli: Cli) -> None:
    cli.stack.whop.interfere = lambda _: error_response(503)

    def recover() -> None:
        cli.stack.whop.interfere = lambda _: None
        cli.stack.work()

    cli.while_asleep = recover

    created = cli("chats", "create", *HELLO, "--wait", "-o", "json")

    assert created.code == 0, created.err
    assert created.json["id"] == "aich_1"
    assert list(cli.stack.whop.chats) == ["aich_1"]


def test_with_wait_a_chat_that_is_not_created_is_an_error(cli: Cli) -> None:
    cli.stack.whop.interfere = lambda _: error_response(503)

    def reject() -> None:
        cli.stack.whop.interfere = lambda request: error_response(400, "No") if request.method == "POST" else None
        cli.stack.work()

    cli.while_asleep = reject

    failed = cli("chats", "create", *HELLO, "--wait")

    assert failed.code == 1
    assert failed.out == ""
    assert " failed: " in failed.err
    assert "  → aichats runs explain " in failed.err


def test_a_list_follows_all_pages(cli: Cli) -> None:
    show_pages(cli, ["aich_1", "aich_2"], ["aich_3"])

    assert cli("chats", "list", "-o", "name").out.split() == ["aich_1", "aich_2", "aich_3"]


def test_a_limited_list_says_that_there_is_more(cli: Cli) -> None:
    show_pages(cli, ["aich_1", "aich_2"], ["aich_3"])

    limited = cli("chats", "list", "--limit", "2", "-o", "name")

    assert limited.out.split() == ["aich_1", "aich_2"]
    assert limited.err == "There are more than 2 chats. List all: --all\n"
    assert cli("chats", "list", "--limit", "3").err == ""
    everything = cli("chats", "list", "--limit", "1", "--all", "-o", "name")
    assert (everything.out.split(), everything.err) == (["aich_1", "aich_2", "aich_3"], "")


def test_a_list_shows_what_is_muted(cli: Cli) -> None:
    create(cli, "--title", "Plan", "--mute")

    titles, row = cli("chats", "list").out.splitlines()

    assert titles.split() == ["ID", "TITLE", "MUTED", "MESSAGES", "LAST", "MESSAGE"]
    assert row.split()[:3] == ["aich_1", "Plan", "yes"]


def test_a_company_has_the_chats_that_were_created_for_it(cli: Cli) -> None:
    of_a = [create(cli, "--for", "biz_A") for _ in range(2)]
    create(cli, "--for", "biz_B")
    create(cli)

    assert cli("chats", "list", "--for", "biz_A", "-o", "name").out.split() == of_a


def test_chats_of_a_company_are_found_after_months_and_without_the_deleted_ones(cli: Cli) -> None:
    old, deleted = create(cli, "--for", "biz_A"), create(cli, "--for", "biz_A")
    del cli.stack.whop.chats[deleted]
    cli.stack.clock.now += timedelta(days=70)
    new = create(cli, "--for", "biz_A")

    assert cli("chats", "list", "--for", "biz_A", "-o", "name").out.split() == [old, new]


def test_an_empty_list_says_how_to_create_a_chat(cli: Cli) -> None:
    empty = cli("chats", "list", "--for", "biz_A")
    assert (empty.code, empty.out) == (0, "")
    assert "aichats chats create" in empty.err


def test_a_chat_is_shown_as_the_api_has_it(cli: Cli) -> None:
    create(cli)

    assert cli("chats", "show", "aich_1", "-o", "json").json["id"] == "aich_1"
    assert cli("chats", "show", "aich_1").out.startswith("id ")
    missing = cli("chats", "show", "aich_9")
    assert (missing.code, missing.out) == (1, "")


def test_a_text_that_is_no_id_is_wrong_usage(cli: Cli) -> None:
    for text in ("../runs", "", "a b", "?x"):
        assert cli("chats", "show", text).code == 2
    assert cli("chats", "delete", "../runs", "--yes").code == 2
    assert cli.requests == []


def test_chats_are_deleted_after_a_question(cli: Cli) -> None:
    create(cli)
    create(cli)

    kept = cli("chats", "delete", "aich_1", stdin="n\n", terminal=True)
    assert (kept.code, len(cli.stack.whop.chats)) == (1, 2)
    assert cli("chats", "delete", "aich_1").code == 2
    deleted = cli("chats", "delete", "aich_1", stdin="y\n", terminal=True)
    assert (deleted.code, list(cli.stack.whop.chats)) == (0, ["aich_2"])


def test_a_chat_that_is_gone_counts_as_deleted(cli: Cli) -> None:
    create(cli)

    deleted = cli("chats", "delete", "aich_1", "aich_9", "--yes", "-o", "json")

    assert deleted.code == 0
    assert [(each["id"], each["result"]) for each in deleted.json] == [
        ("aich_1", "deleted"),
        ("aich_9", "already deleted"),
    ]


def test_one_chat_that_cannot_be_deleted_stops_no_other(cli: Cli) -> None:
    create(cli)
    create(cli)
    cli.stack.whop.interfere = lambda request: (
        error_response(403, "Not yours") if request.url.path.endswith("aich_1") else None
    )

    deleted = cli("chats", "delete", "aich_1,aich_2", "--yes")

    assert deleted.code == 1
    assert [line.split()[:2] for line in deleted.out.splitlines()[1:]] == [["aich_1", "failed"], ["aich_2", "deleted"]]
    assert "Not yours" in deleted.out
    assert "1 of 2 chats could not be deleted" in deleted.err


def test_a_network_that_is_cut_during_deletions_says_what_was_deleted_and_how_many_are_left(cli: Cli) -> None:
    for _ in range(3):
        create(cli)
    fail_first(cli, "DELETE", lambda: None, *[cut] * 9)

    deleted = cli("chats", "delete", "aich_1", "aich_2", "aich_3", "--yes", "-o", "name")

    assert (deleted.code, deleted.out) == (1, "aich_1\n")
    assert "2 of 3 chats are left. The first of them may be deleted." in deleted.err


def test_a_deletion_that_is_cut_at_once_prints_no_list(cli: Cli) -> None:
    fail_first(cli, "DELETE", *[cut] * 9)

    deleted = cli("chats", "delete", "aich_1", "--yes")

    assert (deleted.code, deleted.out) == (1, "")
    assert "nothing found" not in deleted.err


def test_the_names_are_the_chats_that_are_deleted(cli: Cli) -> None:
    create(cli)
    create(cli)
    cli.stack.whop.interfere = lambda request: (
        error_response(403, "Not yours") if request.url.path.endswith("aich_1") else None
    )

    assert cli("chats", "delete", "aich_1", "aich_2", "aich_9", "--yes", "-o", "name").out.split() == [
        "aich_2",
        "aich_9",
    ]


def test_the_ids_of_a_list_can_be_piped_into_a_deletion(cli: Cli) -> None:
    create(cli, "--for", "biz_A")
    create(cli, "--for", "biz_B")

    listed = cli("chats", "list", "--for", "biz_A", "-o", "name")

    assert cli("chats", "delete", "-", "--yes", stdin=listed.out).code == 0
    assert list(cli.stack.whop.chats) == ["aich_2"]
    nothing = cli("chats", "delete", "-", "--yes")
    assert (nothing.code, nothing.err) == (0, "There are no chats to delete.\n")


def show_pages(cli: Cli, *pages: list[str]) -> None:
    """Let Whop show its chats in pages."""

    def show(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params.get("after", "0"))
        chats = [ai_chat(id=chat_id) for chat_id in pages[number]]
        return page(*chats, end_cursor=str(number + 1), has_next_page=number + 1 < len(pages))

    cli.stack.whop.interfere = show
