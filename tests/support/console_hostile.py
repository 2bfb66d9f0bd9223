"""A stack in which each text that others can choose attacks the page that shows it."""

from datetime import timedelta

from aichats.http.receiver import ReceiverAnswer, ReceiverError
from aichats.schedules.pauses import PauseWindow
from aichats.whop.connections import CONNECTION_ROWS, fingerprint
from tests.support.automations import automation
from tests.support.console_automations import create, listening, scheduled
from tests.support.console_life import LivingStack
from tests.support.delivery_bench import Received
from tests.support.fakes import Json, error_response
from tests.support.lambda_calls import WHOP_KEY, WHOP_SECRET
from tests.support.ledgers import NOON

HIDDEN = "\u202e\u2066\u200b\ufeff\u0000\u0085\u2028"
"""Characters that change the direction of a text, have no width, or end a line or a text in some programs."""
SHOWN = "<script>alert(1)</script>"
ATTACK = f"{SHOWN}<img src=x onerror=alert(2)>\"' onfocus=alert(3) autofocus x='${{alert(4)}}"
LINK = "javascript:alert(5)"
TEXT = f"{ATTACK} {LINK} {HIDDEN} {'W' * 120}"
"""A text with HTML, the end of an attribute, a script as a URL, hidden characters, and a word wider than a screen."""
MESSAGE = TEXT * (32_000 // len(TEXT.encode()))
"""A message of almost 32 KB."""
FAILING, URL = "biz_Failing", "https://receiver.example/\"'<img/src=x/onerror=alert(6)>"
STRANGE, EVENT, MUTED, AGENT = "strange-schedule", "strange-event", "strange-pause", "strange-agent"
SUBSCRIPTION = "strange-receiver"


def hostile_stack() -> LivingStack:
    """Return the stack at noon, after an hour."""
    stack = LivingStack(NOON - timedelta(hours=1))
    _connect(stack)
    stack.whop.interfere = lambda request: (
        error_response(422, TEXT, code=SHOWN) if FAILING.encode() in request.content else None
    )
    stack.receivers.answers[URL] = _fail
    stack.subscribe(SUBSCRIPTION, url=URL, events=["*"], description=TEXT)
    for name, definition in _automations().items():
        stack.app.automation_table.put(name, automation(definition | {"description": TEXT}), by="ops")
    window = PauseWindow(NOON, None, "ops", NOON, TEXT[:200])
    stack.app.automation_table.change_pauses(MUTED, lambda row: row.pauses.add(window, NOON), by="ops")
    event = {"id": TEXT, "amount": 25, "user": {"name": TEXT}, SHOWN: {SHOWN: [TEXT]}}
    stack.agenda.at(NOON - timedelta(minutes=9), lambda: stack.event("payment.failed", 1, **event))
    stack.live(NOON)
    return stack


def runs_of(stack: LivingStack, name: str) -> list[str]:
    """Return the ids of an automation's runs."""
    return [row.run.run_id for row in stack.runs if row.run.automation == name]


def _automations() -> dict[str, Json]:
    labels, event = {"labels": {"html": SHOWN}, "managed_by": TEXT[:200]}, "{{ event.data.user.name }}"
    chat = create(TEXT, MESSAGE, await_reply=True)
    return {
        STRANGE: scheduled("rate(30 minutes)", "UTC", chat, "biz_A", FAILING, **labels),
        EVENT: listening("payment.failed", create(event, event), "biz_A"),
        MUTED: scheduled("rate(1 day)", "UTC", chat, "biz_A"),
        AGENT: scheduled("rate(30 minutes)", "UTC", {"type": "kodey.create_chat", "message_text": TEXT}, "agent_1"),
    }


def _connect(stack: LivingStack) -> None:
    grant = {
        "client_id": "app_1",
        "refresh_token": "r",
        "access_token": "a",
        "expires_at": int(NOON.timestamp()) + 3600,
    }
    account = {"id": "user_1", "name": TEXT, "username": SHOWN}
    companies = {"biz_B": {"connection": "strange"}}
    stack.secrets.values[WHOP_SECRET] = {"api_key": WHOP_KEY, "companies": companies}
    stack.secrets.values[f"{WHOP_SECRET}/strange"] = {"oauth": grant, "account": account}
    broken = {"broken": fingerprint("r"), "broken_at": int(NOON.timestamp()), "reason": TEXT}
    stack.app.ledger.items.put({"run_id": f"{CONNECTION_ROWS}strange", **broken})


def _fail(_request: Received) -> ReceiverAnswer:
    raise ReceiverError(TEXT, status=500)
