"""Answers that are read without a model. The models are the judges."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from aichats.errors import ProtocolError
from aichats.http import Headers
from aichats.http.answers import ProviderAnswer, known_fields, read_answer
from aichats.http.plain_answers import PlainAnswer
from aichats.kodey.chats import read_chats, read_created_chat, read_messages, read_one_message, read_retrieved_chat
from aichats.kodey.models import Chat, ChatList, ChatWithMessages, Message, MessageList
from aichats.whop.chats import read_chat, read_titles
from aichats.whop.models import AiChat, TitledPage
from tests.support.fakes import Json, ai_chat

KODEY_CHAT: Json = {"id": "chat_1", "agentId": "agent_1", "createdAt": "2026-11-20T09:00:00.401Z", "teamId": "team_1"}
KODEY_MESSAGE: Json = {"id": "m", "content": "Hello!", "role": "assistant", "createdAt": "2026-11-20T09:00:00Z"}
PAGE_INFO: Json = {"has_next_page": True, "end_cursor": "c"}

sent_times = st.builds(
    lambda time, precision: f"{time.isoformat(timespec=precision)}Z",
    st.datetimes(),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
cut_times = st.builds(
    lambda time, places, zone: f"{time.isoformat()[:places]}{zone}",
    st.datetimes(),
    st.integers(15, 26),
    st.sampled_from(["Z", "Z", "", "+00:00", "-00:00", "+05:30", "z", ".Z", ",5Z"]),
)
sent_usages = st.decimals(0, 10**9, places=2).map(str) | st.integers(0, 10**6)
odd_usages = st.one_of(
    st.from_regex(r"\A[0-9.]{1,9}\Z"), st.decimals().map(str), st.integers(), st.floats(), st.just("0.0000001")
)
odd_values = st.sampled_from(
    [
        *(None, True, False, 0, -0.0, 3.0, 10**20, -1, 1e300, float("nan"), float("inf"), [], {}, {"id": "u"}, [[]]),
        *("", "x", "3", "1e5", "NaN", "\ud800", "😀", "2026-11-20", "2026-W01-1T09:00:00Z", "20261120T090000Z"),
        *("2026-11-20T09:00:00.123456789Z", "2026-11-20T09:00:00,5Z", "2026-11-20T24:00:00Z", "1764633600"),
        *("2026-02-30T09:00:00Z", "2026-11-20 09:00:00Z", "0000-01-01T00:00:00Z", "2026-11-20T09:00:60Z", "x" * 300),
        json.loads("[" * 60 + "]" * 60),
    ]
)
values = st.one_of(st.text(max_size=20), sent_usages, odd_usages, sent_times, cut_times, odd_values)


def changed(objects: st.SearchStrategy[Json], *names: str) -> st.SearchStrategy[Json]:
    """Return objects of which every second one has other values, lacks a field, or has more fields."""
    changes = st.dictionaries(st.sampled_from([*names, "pinned", "agent_id", "created_at"]), values, max_size=2)
    other = st.builds(lambda fields, change: {**fields, **change}, objects, changes)
    less = st.builds(
        lambda fields, lost: {name: value for name, value in fields.items() if name != lost},
        objects,
        st.sampled_from(names),
    )
    return st.one_of(objects, other, objects, less)


def as_sent(objects: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Return objects as bytes, of which some are cut off."""
    as_bytes = st.builds(lambda body: json.dumps(body, ensure_ascii=False).encode(errors="surrogatepass"), objects)
    in_ascii = st.builds(lambda body: json.dumps(body).encode(), objects)
    cut = st.builds(lambda content, at: content[:at], as_bytes, st.integers(0, 400))
    return st.one_of(as_bytes, in_ascii, as_bytes, as_bytes, cut)


whop_chats = st.builds(
    ai_chat,
    id=st.text(max_size=10),
    title=st.none() | st.text(max_size=10),
    message_count=st.integers(0, 10**6),
    blended_token_usage=sent_usages,
    last_message_at=st.none() | sent_times,
    created_at=sent_times,
)
kodey_chats = st.builds(lambda time: {**KODEY_CHAT, "createdAt": time}, sent_times)
kodey_messages = st.builds(
    lambda text, time: {**KODEY_MESSAGE, "content": text, "createdAt": time}, st.text(max_size=20), sent_times
)
some_whop_chats = changed(whop_chats, *ai_chat(), "agent_identifier")
some_kodey_chats = changed(kodey_chats, *KODEY_CHAT, "userId")
some_kodey_messages = changed(kodey_messages, *KODEY_MESSAGE, "chatId")
titles = st.builds(
    lambda chats, info: {"data": chats, "page_info": info},
    st.lists(some_whop_chats | odd_values, max_size=3),
    changed(st.just(PAGE_INFO), *PAGE_INFO),
)


def lists_of(name: str, items: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.builds(lambda sent: {name: sent}, st.one_of(*[st.lists(items, max_size=2)] * 3, odd_values))


def answer(content: bytes) -> ProviderAnswer:
    return ProviderAnswer(200, Headers({"x-request-id": "req_1"}), content, "whop")


def shown(read: Callable[[], Any]) -> Any:
    """Return what a reader returns, or the text of its error."""
    try:
        return read()
    except ProtocolError as error:
        return str(error)


def agrees(found: Any, judged: Any, model: type[BaseModel], known: type[BaseModel] | None = None) -> None:
    """Assert that a plain answer has the fields of a judge, and that the judge accepts the whole of it."""
    if isinstance(judged, str):
        assert found == judged
        return
    assert isinstance(found, PlainAnswer)
    assert json.dumps(found.fields) == json.dumps(known_fields(judged, known or model))
    assert model.model_validate(found.whole).model_dump_json() == judged.model_dump_json()


def all_agree(found: Any, judged: Any, model: type[BaseModel]) -> None:
    if isinstance(judged, str):
        assert found == judged
        return
    for one, by_judge in zip(found, judged, strict=True):
        agrees(one, by_judge, model)


@given(content=as_sent(some_whop_chats))
@example(content=json.dumps(ai_chat(blended_token_usage="0.000000")).encode())
@example(content=json.dumps(ai_chat(blended_token_usage="0.0000001")).encode())
@example(content=json.dumps(ai_chat(blended_token_usage="007")).encode())
@example(content=json.dumps(ai_chat(blended_token_usage="5.")).encode())
@example(content=json.dumps(ai_chat(blended_token_usage=12.5)).encode())
@example(content=json.dumps(ai_chat(blended_token_usage="٣")).encode())
@example(content=json.dumps(ai_chat(title="\ud83d\ude00")).encode())
@example(content=json.dumps(ai_chat(title="\ud83d")).encode())
@example(content=json.dumps(ai_chat(user={"id": "u", "name": "N"}, agent_identifier=None, pinned=[1.5])).encode())
@example(content=b'{"id": "aich_1", ' + json.dumps(ai_chat()).encode()[1:])
@example(content=b"\xef\xbb\xbf" + json.dumps(ai_chat()).encode())
@example(content=json.dumps(ai_chat()).encode("utf-16"))
def test_a_chat_of_whop_is_read_as_its_model_reads_it(content: bytes) -> None:
    judged = shown(lambda: read_answer(AiChat, answer(content)))
    agrees(shown(lambda: read_chat(answer(content))), judged, AiChat)


@given(content=as_sent(some_kodey_chats))
def test_a_new_chat_of_kodey_is_read_as_its_model_reads_it(content: bytes) -> None:
    judged = shown(lambda: read_answer(Chat, answer(content)))
    agrees(shown(lambda: read_created_chat(answer(content))), judged, Chat)


@given(content=as_sent(some_kodey_messages))
def test_a_message_of_kodey_is_read_as_its_model_reads_it(content: bytes) -> None:
    judged = shown(lambda: read_answer(Message, answer(content)))
    agrees(shown(lambda: read_one_message(answer(content), "chat_1")), judged, Message)


@given(
    content=as_sent(st.builds(lambda chat, sent: chat | sent, kodey_chats, lists_of("messages", some_kodey_messages)))
)
def test_a_chat_of_kodey_is_read_with_its_messages_as_its_model_reads_it(content: bytes) -> None:
    judged = shown(lambda: read_answer(ChatWithMessages, answer(content)))
    agrees(shown(lambda: read_retrieved_chat(answer(content), "chat_1")), judged, ChatWithMessages, Chat)


@given(content=as_sent(lists_of("chats", some_kodey_chats)))
def test_the_chats_of_kodey_are_read_as_their_model_reads_them(content: bytes) -> None:
    judged = shown(lambda: read_answer(ChatList, answer(content)).chats)
    all_agree(shown(lambda: read_chats(answer(content))), judged, Chat)


@given(content=as_sent(lists_of("messages", some_kodey_messages)))
def test_the_messages_of_kodey_are_read_as_their_model_reads_them(content: bytes) -> None:
    judged = shown(lambda: read_answer(MessageList, answer(content)).messages)
    all_agree(shown(lambda: read_messages(answer(content), "chat_1")), judged, Message)


@given(content=as_sent(changed(titles, "data", "page_info")))
def test_a_page_of_titles_is_read_as_its_model_reads_it(content: bytes) -> None:
    def judge() -> Any:
        page = read_answer(TitledPage, answer(content))
        return [(chat.id, chat.title) for chat in page.chats], page.page_info.has_next_page, page.page_info.end_cursor

    def plain() -> Any:
        page = read_titles(answer(content))
        return page.titles, page.has_next_page, page.end_cursor

    assert shown(plain) == shown(judge)


@given(time=st.datetimes(timezones=st.just(UTC)))
def test_the_times_that_whop_sends_are_normalized_as_the_model_does(time: datetime) -> None:
    chat = ai_chat(created_at=time.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    fields = read_chat(answer(json.dumps(chat).encode())).fields
    assert fields == known_fields(AiChat.model_validate(chat), AiChat)


@pytest.mark.parametrize(
    ("provider", "call", "body"),
    [
        ("whop", "read_chat(answer)", ai_chat(title="Grüße", agent_identifier="support")),
        ("whop", "read_titles(answer)", {"data": [ai_chat()] * 100, "page_info": PAGE_INFO}),
        ("kodey", "read_created_chat(answer)", KODEY_CHAT),
        ("kodey", "read_one_message(answer, 'chat_1')", KODEY_MESSAGE),
        ("kodey", "read_messages(answer, 'chat_1')", {"messages": [KODEY_MESSAGE] * 100}),
    ],
)
def test_an_ordinary_answer_needs_no_pydantic(provider: str, call: str, body: Json) -> None:
    program = (
        f"import sys, aichats.{provider}.client\nfrom aichats.{provider}.chats import *\n"
        "from aichats.http.answers import ProviderAnswer\n"
        f"answer = ProviderAnswer(200, {{}}, {json.dumps(body)!r}.encode(), {provider!r})\n{call}\n"
        "print([name for name in ('pydantic', 'pydantic_core') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
