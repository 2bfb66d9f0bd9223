"""A stack in memory with everything that the console can show."""

import json
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile

import httpx

from aichats.automations.row import AutomationRow
from aichats.runs.model import Run, run_id
from aichats.schedules.pauses import Pauses, PauseWindow
from aichats.whop.connections import CONNECTION_ROWS, fingerprint
from tests.support.actions import whop_create_chat
from tests.support.automations import automation
from tests.support.console_automations import BUSY, CLOSED, MEADOW, SLOW, TWICE, automations
from tests.support.console_bulk import many_runs
from tests.support.console_life import LivingStack
from tests.support.delivery_bench import fail
from tests.support.fakes import Json, Step, error_response
from tests.support.lambda_calls import WHOP_KEY, WHOP_SECRET
from tests.support.whop_in_memory import CHATS

AGE = timedelta(days=2, hours=6)
"""The time for which the stack has lived."""
OLDER_RUNS = 700
"""The number of runs before that, which are only rows."""
SOON = timedelta(minutes=2)
"""The time before now at which runs begin that have not ended now."""
GOOD_URL, DEAD_URL = "https://hooks.northwind.example/aichats", "https://old.northwind.example/hook"
SLACK_URL = "https://hooks.slack.example/services/T000/B000"
PEOPLE = ("Zoë Ångström", "Ana Souza", "李小龙", "مريم الزهراء", "Bob", "Marguerite Featherstonehaugh-Cholmondeley")


def lively_stack(now: datetime) -> LivingStack:
    """Return a stack at a time, with automations, runs, subscriptions, connections and budgets in every state."""
    stack = LivingStack(now - AGE)
    stack.app.environment = {**stack.app.environment, "BUDGET_RUNS": "5000", "BUDGET_PER": "month"}
    _connect(stack, now)
    _subscribe(stack, now)
    for name, definition in automations(now - AGE, now).items():
        stack.app.automation_table.put(name, automation(definition), by="ops")
    many_runs(stack, OLDER_RUNS, until=now - AGE)
    _pause(stack, now)
    _plan_events(stack, now)
    _lose_slots(stack, now)
    stack.whop.interfere = partial(_trouble, stack, now)
    stack.whop.replies_after = partial(_reply_time, now)
    stack.live(now - SOON)
    _begin_runs(stack)
    stack.live(now)
    return stack


# ---------------------------------------------------------------------- before


def _connect(stack: LivingStack, now: datetime) -> None:
    """Connect accounts of Whop: two work, one is broken, and one is logged out."""
    companies: Json = {"biz_Own": "whop-key-of-biz-own"}
    companies |= {"biz_Harbor": _connection("agency"), MEADOW: _connection("agency")}
    companies |= {"biz_Lighthouse": _connection("lighthouse"), "biz_Former": _connection("former-client")}
    stack.secrets.values[WHOP_SECRET] = {"api_key": WHOP_KEY, "companies": companies}
    people = {"default": "Nora North", "agency": "Zoë Ångström", "lighthouse": "Luc Phare"}
    for name, person in people.items():
        end = now + timedelta(minutes=40) if name != "lighthouse" else now - timedelta(hours=11)
        account = {"id": f"user_{name}", "name": person, "username": name}
        stack.secrets.values[f"{WHOP_SECRET}/{name}"] = {"oauth": _grant(name, end), "account": account}
    stack.secrets.values[f"{WHOP_SECRET}/former-client"] = {}
    for name in ("default", "agency"):
        stack.agenda.at(now - timedelta(minutes=20), partial(_renew, stack, name))
    stack.agenda.at(now - timedelta(hours=12), partial(_break, stack, "lighthouse"))


def _connection(name: str) -> Json:
    return {"connection": name}


def _grant(name: str, end: datetime) -> Json:
    tokens = {"refresh_token": f"refresh-{name}", "access_token": f"access-{name}"}
    return {"client_id": "app_northwind", **tokens, "expires_at": int(end.timestamp())}


def _renew(stack: LivingStack, name: str) -> None:
    """Renew a connection, now and then again and again."""
    secret, now = stack.secrets.values[f"{WHOP_SECRET}/{name}"], stack.clock()
    assert isinstance(secret, dict)
    secret["oauth"] = _grant(name, now + timedelta(hours=1))
    stack.app.ledger.items.overwrite([{"run_id": f"{CONNECTION_ROWS}{name}", "renewed_at": int(now.timestamp())}])
    stack.agenda.at(now + timedelta(minutes=35), partial(_renew, stack, name))


def _break(stack: LivingStack, name: str) -> None:
    """Let the renewal of a connection fail for good, as :mod:`aichats.whop.renewal` stores it."""
    reason = "whop: 400 invalid_grant: the refresh token was revoked (request req_7f3a)"
    broken = {"broken": fingerprint(f"refresh-{name}"), "broken_at": int(stack.clock().timestamp()), "reason": reason}
    stack.app.ledger.items.put({"run_id": f"{CONNECTION_ROWS}{name}", **broken})


def _subscribe(stack: LivingStack, now: datetime) -> None:
    """Create subscriptions. The receiver of one of them fails since some hours."""
    stack.subscribe("crm", url=GOOD_URL, events=["run.*"], description="The CRM shows each chat beside its client.")
    stack.subscribe("old-crm", url=DEAD_URL, events=["run.succeeded", "run.failed"])
    alarming = ["run.failed", "run.unknown", "run.missed", "budget.reached", "connection.broken"]
    stack.subscribe("slack-alerts", url=SLACK_URL, events=alarming, format="slack")
    stack.subscribe("archive", url=f"{GOOD_URL}/archive", events=["*"], enabled=False)
    stack.agenda.at(now - timedelta(hours=5), partial(stack.receivers.answers.update, {DEAD_URL: fail(503)}))


def _pause(stack: LivingStack, now: datetime) -> None:
    """Pause an automation since yesterday, and another one next week."""
    reason = "The accountants close the books themselves until the audit is over."
    closed = PauseWindow(now - timedelta(days=1), _midnight(now + timedelta(days=24)), "ops", now - AGE, reason)
    holidays = PauseWindow(
        _midnight(now + timedelta(days=6)), _midnight(now + timedelta(days=9)), "nora", now - AGE, "Company holidays"
    )
    for name, window in {"month-end-close": closed, "daily-standup": holidays}.items():
        stack.app.automation_table.change_pauses(name, partial(_with_pause, window, now), by=window.by)


def _with_pause(window: PauseWindow, now: datetime, row: AutomationRow) -> Pauses:
    return row.pauses.add(window, now)


def _midnight(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


# ---------------------------------------------------------------------- meanwhile


def _plan_events(stack: LivingStack, now: datetime) -> None:
    """Let Whop send events. The budget for today is used up by some of them."""
    for number, person in enumerate(PEOPLE):
        time = now - timedelta(hours=11 * number + 2)
        stack.agenda.at(
            time, partial(stack.event, "payment.failed", number, id=f"pay_{number}", amount=25, user={"name": person})
        )
    without_name = partial(stack.event, "payment.failed", 50, id="pay_50", amount=99)
    stack.agenda.at(now - timedelta(hours=4), without_name)
    today = now - _midnight(now)
    for number in range(8):
        time = now - min(today, timedelta(hours=3)) * (8 - number) / 9
        person = PEOPLE[number % len(PEOPLE)]
        stack.agenda.at(
            time, partial(stack.event, "membership.activated", 100 + number, id="mem_1", user={"name": person})
        )


def _lose_slots(stack: LivingStack, now: datetime) -> None:
    """Let schedules not fire: the last slot of one automation, and one that is run late."""
    for name, latest in {"night-audit": now - timedelta(hours=1), "weekly-revenue": now - timedelta(hours=20)}.items():
        slots = list(takewhile(latest.__gt__, stack.row(name).slots(stack.clock.now)))
        stack.lost |= {(name, slot) for slot in slots[-1:]}


def _trouble(stack: LivingStack, now: datetime, request: httpx.Request) -> Step | None:
    """Return what Whop answers to a company with which it has trouble."""
    if request.method != "POST" or request.url.path != CHATS:
        return None
    company = json.loads(request.content).get("current_company_id")
    age = now - stack.clock.now
    if company == CLOSED:
        return error_response(422, "This company is closed, so no chat can be created", code="company_closed")
    if company == BUSY and age < timedelta(hours=4):
        return error_response(429, "Too many requests", type="rate_limited", headers={"retry-after": "600"})
    if company == MEADOW and timedelta(hours=29) < age < timedelta(hours=31, minutes=30):
        return error_response(429, "Too many requests", type="rate_limited", headers={"retry-after": "300"})
    if company in (TWICE, SLOW):
        for _ in range(2 if company == TWICE else 0):
            stack.whop.do(request)
        return httpx.ReadTimeout("The read operation timed out")
    return None


def _reply_time(now: datetime, number: int, time: datetime) -> timedelta | None:
    """Return the time after which an agent replies. Today they are slow, and some never reply."""
    never = number % 13 == 0 or now - time < timedelta(hours=1, minutes=55)
    return None if never else timedelta(seconds=20 + number % 11 * 13)


# ---------------------------------------------------------------------- now


def _begin_runs(stack: LivingStack) -> None:
    """Begin runs that have not ended now: waiting ones, one that is being performed, and one that got no answer."""
    ledger = stack.app.ledger
    waiting = [row for row in stack.runs if row.run.automation == "competitor-watch" and row.is_open]
    for row in waiting[:1]:
        ledger.steering.cancel(row.run.run_id, by="nora", reason="The client has left.")
    performed, later = _run("performed", MEADOW), _run("later", "biz_Orchard")
    ledger.add([performed, later], lambda index: stack.clock() + timedelta(minutes=9 * index))
    ledger.claim(performed.run_id, timedelta(minutes=20))
    stack.app.dispatcher.perform(_run("slow", SLOW), timedelta(minutes=20))


def _run(key: str, company: str) -> Run:
    """Return a run that an API client started."""
    action = whop_create_chat(title=f"Started by hand ({key})", message_text="What is new?")
    return Run(run_id("http", "ops", "POST /chats", key, company), "http", action, company, "2026-07-08-1")
