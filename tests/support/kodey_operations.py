"""Every operation of the client, with an answer to it and the call that it makes."""

from collections.abc import Callable

import httpx
import pytest

from aichats.kodey.client import KodeyClient
from aichats.kodey.models import NewKodeyChat
from tests.support.fakes import ok
from tests.support.kodey_replies import chat, message
from tests.support.request_fields import fields_of

NEW = NewKodeyChat(agent_id="agent_1", user_id="user 1", metadata={"plan": {"tier": None}})
DONE = httpx.Response(204)


def create(kodey: KodeyClient) -> object:
    return kodey.create_chat(**fields_of(NEW))


def send(kodey: KodeyClient) -> object:
    return kodey.send_message("chat_1", "Hi")


type Act = Callable[[KodeyClient], object]

OPERATIONS: dict[str, tuple[Act, httpx.Response, tuple[str, str]]] = {
    "create": (create, ok(chat()), ("POST", "/chat")),
    "list": (lambda kodey: kodey.list_chats(), ok({"chats": []}), ("GET", "/chat")),
    "retrieve": (lambda kodey: kodey.retrieve_chat("chat_1"), ok(chat(messages=[])), ("GET", "/chat/chat_1")),
    "delete": (lambda kodey: kodey.delete_chat("chat_1"), DONE, ("DELETE", "/chat/chat_1")),
    "send": (send, ok(message()), ("POST", "/chat/chat_1/message")),
    "messages": (
        lambda kodey: kodey.list_messages("chat_1"),
        ok({"messages": []}),
        ("GET", "/chat/chat_1/message"),
    ),
}
each_operation = pytest.mark.parametrize("operation", OPERATIONS)
each_post = pytest.mark.parametrize("act", [create, send])
