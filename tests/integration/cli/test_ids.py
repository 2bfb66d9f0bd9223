"""IDs that people type or pipe into commands."""

import pytest

from tests.support.cli import Cli

WRONG = ("", "../automations", "?status=failed", "xyz", "a b")
COMMANDS = (
    ("runs", "show"),
    ("runs", "explain"),
    ("runs", "watch"),
    ("runs", "replay"),
    ("runs", "cancel", "--yes"),
    ("runs", "resolve", "--failed"),
    ("runs", "job"),
    ("runs", "job", "--wait"),
    ("logs", "--run"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("text", WRONG)
def test_a_text_that_is_no_id_never_becomes_a_path_of_the_api(cli: Cli, command: tuple[str, ...], text: str) -> None:
    result = cli(*command, text)

    # A command with many IDs has none after an empty text.
    assert result.code == 2 or (text == "" and command[1] in {"watch", "replay", "cancel"}), result
    assert cli.requests == []


def test_one_wrong_id_of_many_changes_no_run(cli: Cli) -> None:
    result = cli("runs", "replay", "a" * 32, "b/c")

    assert (result.code, cli.requests) == (2, [])
    assert "Error: 'b/c' is not the ID of a run" in result.err


@pytest.mark.parametrize(
    "command",
    [("runs", "watch", "-"), ("chats", "delete", "-"), ("chats", "mute", "--ids", "-"), ("chats", "unmute", "-")],
    ids=" ".join,
)
def test_a_terminal_is_no_pipe_with_ids(cli: Cli, command: tuple[str, ...]) -> None:
    result = cli(*command, stdin="aich_1\n", terminal=True)

    assert (result.code, cli.requests) == (2, [])
    assert "- reads IDs from a pipe" in result.err
