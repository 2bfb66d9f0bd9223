"""A preview shows what Whop and Kodey receive when the slot or the event really comes, for random automations."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aichats.api.app import create_api
from aichats.whop.event_models import WebhookEvent
from tests.support.fakes import Json, ai_chat
from tests.support.lambda_calls import HttpCaller
from tests.support.stack_in_memory import NAME, StackInMemory, payment

each_time_alike = settings(
    derandomize=True, deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow]
)
LONG = timedelta(minutes=5)
"""The lease of a run, which is long enough for a message to Kodey."""

PLAIN = st.text(st.characters(codec="utf-8"), max_size=8)
ON_SLOTS = [
    "{{ slot.date }}",
    "{{ slot.time }}",
    "{{ slot.iso }}",
    "{{ slot.week }}",
    "{{ target }}",
    "{{ automation }}",
]
ON_EVENTS = [
    *ON_SLOTS,
    "{{ event.data.user.name }}",
    "{{ event.data.amount }}",
    "{{ event.data.user }}",
    "{{ event.type }}",
    "{{ event.account_id || 'none' }}",
]
FAILING = [
    "{{ abs(target) }}",
    "{{ `null` }}",
    "{{ abs(to_number(target == 'biz_B' && 'x' || '1')) }}",
]
CHATS, KODEY_CHATS = ["aich_1", "aich_2", "aich_3"], ["chat-1", "chat-2"]
TARGETS: dict[str, list[str | None]] = {
    "whop.create_chat": ["biz_A", "biz_B", "biz_own", None],
    "whop.update_chat": [*CHATS],
    "kodey.create_chat": ["agent-1", "agent-2"],
    "kodey.send_message": [*KODEY_CHATS],
}
ON_TARGETS = {
    "whop.create_chat": ["{{ event.account_id }}", "{{ event.data.id }}"],
    "whop.update_chat": ["{{ event.data.chat }}"],
    "kodey.create_chat": ["{{ event.data.agent }}"],
    "kodey.send_message": ["{{ event.data.nobody }}"],
}
SCHEDULES = st.builds(
    lambda expression, timezone: {"type": "schedule", "expression": expression, "timezone": timezone},
    st.sampled_from(["cron(* * * * ? *)", "cron(30 2 * * ? *)", "rate(5 minutes)", "rate(3 days)"]),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
)
WEBHOOKS = st.builds(
    lambda filter_: {"type": "webhook", "events": ["payment.failed", "payment.succeeded"], "filter": filter_},
    st.sampled_from([None, None, "data.amount > `1`", "data.amount > `100`", "data.amount", "data.user.name"]),
)
EVENTS = st.builds(
    lambda name, account, amount: payment(
        account_id=account,
        data={"id": "pay_1", "user": {"name": name}, "amount": amount, "chat": "aich_1", "agent": "agent-1"},
    ),
    PLAIN | st.sampled_from(["{{ slot.date }}", "}}", None]),
    st.sampled_from(["biz_A", "biz_B", None]),
    st.sampled_from([12.5, 1000, "12"]),
)


def texts(pieces: list[str]) -> st.SearchStrategy[str]:
    """Return the strategy of templates. They are seldom empty, and seldom fail."""
    piece = PLAIN.filter(lambda text: "{" not in text) | st.sampled_from(pieces) | st.sampled_from([*pieces, *FAILING])
    return st.lists(piece, min_size=1, max_size=4).map(lambda pieces: "Text: " + "".join(pieces))


@st.composite
def actions(draw: st.DrawFn, pieces: list[str]) -> Json:
    kind, text = draw(st.sampled_from(sorted(TARGETS))), texts(pieces)
    optional: dict[str, st.SearchStrategy[Any]] = {}
    if kind == "whop.create_chat":
        fields = {"message_text": draw(text)}
        preferences = st.sampled_from(["all", "none"])
        optional = {"title": text, "notification_preference": preferences, "message_source": st.just("link")}
    elif kind == "whop.update_chat":
        fields = {"title": draw(text)}
        optional = {"notification_preference": st.sampled_from(["none", None]), "company_id": st.just("biz_A")}
    elif kind == "kodey.create_chat":
        fields = {"message_text": draw(text)}
        optional = {
            "user_id": st.sampled_from(["ann", "{{ target }}"]),
            "metadata": st.fixed_dictionaries({"at": text}),
        }
    else:
        fields = {"content": draw(text)}
    return {"type": kind, **fields, **draw(st.fixed_dictionaries({}, optional=optional))}


@st.composite
def automations(draw: st.DrawFn) -> tuple[Json, Json | None]:
    """Return an automation, and the event for which it runs if it listens for events."""
    event = draw(st.none() | EVENTS)
    action = draw(actions(ON_SLOTS if event is None else ON_EVENTS))
    possible = TARGETS[action["type"]] + (ON_TARGETS[action["type"]] if event else [])
    targets = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=4))
    return {"trigger": draw(WEBHOOKS if event else SCHEDULES), "action": action, "targets": targets}, event


def received(stack: StackInMemory, existing: set[str]) -> list[Json]:
    """Return what the providers were asked to create and to change. ``existing`` are the chats that existed before."""
    created = [
        {
            "target": chat.get("current_company_id"),
            "title": chat["title"],
            "message": chat["message_text"],
            "notification_preference": chat["notification_preference"],
            "message_source": chat.get("message_source"),
        }
        for chat_id, chat in stack.whop.chats.items()
        if chat_id not in existing
    ]
    changed = [
        {"target": chat_id, **json.loads(request.content)}
        for request in stack.whop.requests
        if request.method == "PATCH" and (chat_id := request.url.path.rpartition("/")[2]) in existing
    ]
    asked = [
        {"target": chat_id, "message": content}
        if chat_id in existing
        else {"target": chat["agentId"], "message": content, "metadata": chat["metadata"], "user_id": chat["userId"]}
        for chat_id, chat in stack.kodey.chats.items()
        for content in stack.kodey.of_user(chat_id)
    ]
    return [*created, *changed, *asked]


def expected(entry: Json, given: list[Json]) -> Json:
    """Return what a provider must receive for an entry of a preview."""
    action = {name: value for name, value in entry["action"].items() if name != "type"}
    assert entry["title"] == action.get("title")
    assert entry["message"] == action.get("message_text", action.get("content"))
    match entry["action"]["type"]:
        case "whop.create_chat":
            defaults: Json = {"title": None, "notification_preference": "all", "message_source": None}
            return {"target": entry["target"], "message": action.pop("message_text"), **defaults, **action}
        case "whop.update_chat":
            company = {"current_company_id": action.pop("company_id")} if "company_id" in action else {}
            return {"target": entry["target"], **action, **company}
        case "kodey.create_chat":
            # Without a user, the chat gets a user of its own.
            users = [each["user_id"] for each in given if each["target"] == entry["target"]]
            own = {"user_id": users[0] if users else None}
            return {"target": entry["target"], "message": action.pop("message_text"), "metadata": {}, **own, **action}
    return {"target": entry["target"], "message": action["content"]}


def in_order(entries: list[Json]) -> list[str]:
    return sorted(json.dumps(entry, sort_keys=True) for entry in entries)


@each_time_alike
@given(automations())
def test_a_preview_shows_what_is_sent(case: tuple[Json, Json | None]) -> None:
    definition, event = case
    stack = StackInMemory()
    stack.whop.chats |= {chat_id: ai_chat(id=chat_id) for chat_id in CHATS}
    for chat_id in KODEY_CHATS:
        stack.kodey.chat(id=chat_id)
    stack.put(definition)
    api = HttpCaller(create_api(stack.app).resolve)

    if event is None:
        answer = api("GET", f"/automations/{NAME}/preview", query="render=true").json
        again = api("POST", "/automations/preview", definition | {"name": NAME, "at": answer["at"]}).json
        assert again["rendered"] == answer["rendered"]
        stack.clock.now = datetime.fromisoformat(answer["at"])
        stack.tick(stack.clock.now)
    else:
        answer = api("POST", "/automations/preview", definition | {"name": NAME, "event": event}).json
        delivered = WebhookEvent.model_validate(event)
        stack.app.webhook_events.handle("msg_1", delivered.model_dump(mode="json"), delivered.timestamp)
    stack.clock.forward(minutes=10)
    for row in stack.runs:
        if row.is_open:
            stack.app.dispatcher.perform(row.run.run_id, LONG)

    rows, given = stack.runs, received(stack, {*CHATS, *KODEY_CHATS})
    assert in_order(given) == in_order([expected(each, given) for each in answer["rendered"] if not each["error"]])
    failed = [(each["target"], each["error"]["detail"]) for each in answer["rendered"] if each["error"]]
    assert Counter((row.run.target, (row.error or {})["message"]) for row in rows if row.unrendered) == Counter(failed)
    assert {row.status for row in rows if not row.unrendered} <= {"succeeded"}
    assert len(rows) == len(answer["rendered"])
    assert rows == [] if answer["filtered"] else rows
