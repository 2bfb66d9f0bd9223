"""`aichats chats` with chats of Kodey, on a stack in memory."""

import json

import httpx
import pytest

from tests.support.cli import Cli

TO_AGENT = ("chats", "create", "--kodey", "--for", "agent_1", "--message", "How many tickets?")


@pytest.fixture
def cli(cli: Cli) -> Cli:
    """Return the command, on a stack whose worker performs the runs while the command waits."""
    cli.while_asleep = cli.stack.work
    return cli


def test_a_chat_is_created_with_an_agent_and_answered(cli: Cli) -> None:
    created = cli(*TO_AGENT, "--user", "user_1", "--wait")

    assert created.code == 0, created.err
    assert [line.split() for line in created.out.splitlines()] == [
        ["id", "chat_1"],
        ["agent", "agent_1"],
        ["created", "Fri", "20", "Nov", "13:00"],
        ["answer", "You", "said:", "How", "many", "tickets?"],
    ]
    assert cli.stack.kodey.chats["chat_1"]["userId"] == "user_1"


def test_the_json_of_a_new_chat_is_that_of_the_api_and_its_name_is_the_id(cli: Cli) -> None:
    created = cli(*TO_AGENT, "--wait", "-o", "json").json

    assert (created["chat"]["id"], created["reply"]["content"]) == ("chat_1", "You said: How many tickets?")
    assert cli(*TO_AGENT, "--wait", "-o", "name").out == "chat_2\n"


def test_without_wait_an_answer_that_takes_long_is_a_run_to_follow(cli: Cli) -> None:
    queued = cli(*TO_AGENT)

    assert queued.code == 0
    assert queued.out.splitlines()[1].split() == ["status", "pending"]
    assert "aichats runs watch " in queued.err


def test_a_message_is_sent_and_the_answer_is_printed_alone(cli: Cli) -> None:
    chat = cli.stack.kodey.chat()

    sent = cli("chats", "send", chat, "--message", "-", "--wait", stdin="And yesterday?\n")

    assert (sent.code, sent.out) == (0, "You said: And yesterday?\n")
    assert cli.stack.kodey.of_user(chat) == ["And yesterday?"]
    assert cli("chats", "send", chat, "--message", "Why?", "--wait", "-o", "json").json["role"] == "assistant"


def test_messages_are_listed_in_their_order(cli: Cli) -> None:
    chat = cli.stack.kodey.chat()
    for text in ("One", "Two", "Three"):
        cli.stack.kodey.say(chat, text)
        cli.stack.clock.forward(minutes=1)

    listed = cli("chats", "messages", chat)

    assert [line.split()[-2:] for line in listed.out.splitlines()] == [
        ["ROLE", "MESSAGE"],
        ["user", "One"],
        ["user", "Two"],
        ["user", "Three"],
    ]
    assert [each["content"] for each in cli("chats", "messages", chat, "-o", "json").json] == ["One", "Two", "Three"]


def test_an_answer_in_the_same_second_comes_after_its_question(cli: Cli) -> None:
    messages = [
        {"id": f"msg_{role}", "content": "Text", "role": role, "createdAt": "2026-11-20T12:00:00Z", "chatId": None}
        for role in ("assistant", "user")
    ]
    cli.interfere = lambda _: httpx.Response(200, json={"data": messages})

    assert cli("chats", "messages", "chat_1", "-o", "name").out.split() == ["msg_user", "msg_assistant"]


def test_chats_are_listed_by_user_and_by_agent(cli: Cli) -> None:
    first, second = (cli.stack.kodey.chat(userId=user, agentId=agent) for user, agent in (("u1", "a1"), ("u2", "a2")))

    assert set(cli("chats", "list", "--kodey", "-o", "name").out.split()) == {first, second}
    assert cli("chats", "list", "--kodey", "--user", "u1", "-o", "name").out.split() == [first]
    assert cli("chats", "list", "--kodey", "--for", "a2", "-o", "name").out.split() == [second]
    limited = cli("chats", "list", "--kodey", "--limit", "1")
    assert limited.err == "There are more than 1 chats. List all: --all\n"


def test_a_chat_is_shown_and_deleted_by_its_id(cli: Cli) -> None:
    chat = cli.stack.kodey.chat()
    cli.stack.kodey.say(chat, "One")

    assert cli("chats", "show", chat).out.splitlines()[-1].split() == ["messages", "1"]
    assert cli("chats", "show", chat, "-o", "json").json["messages"][0]["content"] == "One"
    assert cli("chats", "delete", chat, "--yes", "-o", "json").json[0]["result"] == "deleted"
    assert cli("chats", "delete", chat, "--yes", "-o", "json").json[0]["result"] == "already deleted"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["create", "--kodey", "--message", "x"], "--for AGENT_ID"),
        (["create", "--kodey", "--for", "a", "--message", "x", "--title", "T"], "--title"),
        (["create", "--kodey", "--for", "a", "--message", "x", "--mute"], "--mute"),
        (["create", "--user", "u", "--message", "x"], "add --kodey"),
        (["create", "--kodey", "--for", "a"], "--message"),
        (["list", "--user", "u"], "add --kodey"),
        (["mute", "chat_1"], "Kodey's chats can't be muted"),
        (["messages", "aich_1"], "is a chat of Whop"),
        (["send", "aich_1", "--message", "x"], "is a chat of Whop"),
    ],
)
def test_an_option_of_the_other_provider_is_wrong_usage(cli: Cli, arguments: list[str], error: str) -> None:
    wrong = cli("chats", *arguments)

    assert wrong.code == 2
    assert error in wrong.err
    assert cli.requests == []


def test_a_body_has_only_what_was_typed(cli: Cli) -> None:
    cli(*TO_AGENT)
    assert json.loads(cli.requests[0].content) == {"message_text": "How many tickets?", "agent_id": "agent_1"}
