"""The paths through a system: each stores canaries or sends them, and lets every part of it succeed and fail.

To cover a new path, write a function that gets the bench, and add it to ``PATHS``. It runs after the paths before it.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aichats.automations.webhook_check import request_webhook_check
from aichats.aws.clients import converting
from aichats.aws.table import Table
from aichats.http.retry import MAX_ATTEMPTS
from aichats.whop.connections import fingerprint
from aichats.whop.oauth import INVALID_GRANT
from benchmarks.raw_server import Connection, serving
from local.standins.whop.deliveries import event, signed
from tests.support.connections import main_secret
from tests.support.leaks.bench import LeakBench
from tests.support.leaks.echoing import FORMS, Rejection
from tests.support.leaks.kinds import ACCESS_TOKEN, API_KEY, BODY, MESSAGE, REFRESH_TOKEN, TITLE, WEBHOOK_SECRET
from tests.support.leaks.paths_of_commands import (
    TOKEN_CALL,
    create_callers,
    examine,
    log_in,
    log_out,
    register_webhook,
    retry_dead_letters,
    store_secrets,
)
from tests.support.leaks.paths_of_http import (
    CREATE,
    attach_urls,
    call_automations,
    call_chats,
    call_files,
    call_kodey,
    call_runs,
    call_subscriptions,
    call_without_right,
    create_chat,
    lose_answers,
    new_chat,
    reject_chats,
)
from tests.support.mock_servers import AI_CHATS
from tests.support.waiting import until

type Json = dict[str, Any]


def fire_schedules(bench: LeakBench) -> None:
    """Send the events of schedules: for one target, for many, with lost answers, and with bad input."""
    automation = {"automation": "weekly", "scheduled_time": _now()}
    bench.invoke("RunScheduleFunction", automation)
    bench.invoke("RunScheduleFunction", automation)
    bench.invoke("RunScheduleFunction", _tick(bench, "biz_Plain"))
    bench.invoke("RunScheduleFunction", _tick(bench, "biz_Plain", "biz_Own", "biz_Shop"))
    for fault in ("drop_before", "drop_after", "error_after", "malformed", "status:401", "status:429"):
        bench.whop_mock.faults({"method": "POST", "path": AI_CHATS, "fault": fault})
        bench.invoke("RunScheduleFunction", _tick(bench, "biz_Own"))
    for form in FORMS:
        bench.whop.reject(Rejection(CREATE, 403, form))
        bench.invoke("RunScheduleFunction", _tick(bench, "biz_Shop"))
    event = _tick(bench, "biz_Plain")
    text = bench.canaries.text(MESSAGE)
    for wrong in ({"action": event["action"] | {"title": [text]}}, {"targets": [text]}, {"scheduled_time": text}):
        bench.invoke("RunScheduleFunction", event | wrong, fails=True)
    bench.invoke_later("RunScheduleFunction", event | {"targets": [text]})
    bench.invoke("RunScheduleFunction", [text], fails=True)


def _tick(bench: LeakBench, *targets: str) -> Json:
    """Return the event of a schedule with an action."""
    number = str(time.time_ns())
    return {"automation": number, "scheduled_time": _now(), "action": create_chat(bench), "targets": list(targets)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def deliver_webhooks(bench: LeakBench) -> None:
    """Deliver events that are valid, forged or malformed, and whose texts can or can't be rendered."""
    [secret, *_] = bench.stored("webhook")["secrets"]
    _listen(bench, "good", title="{{ event.data.note }}")
    _listen(bench, "null", title="{{ event.data.missing.name }}")
    _listen(bench, "unfit", title="{{ abs(event.data.note) }}")
    _listen(bench, "filtered", filter="data.note")
    _listen(bench, "slow", title="{{ length(event.data.items[?name == 'y']) }}")
    body = _event(bench)
    for run_id in bench.deliver(signed(body, secret), expect=202):
        bench.ended(run_id)
    bench.deliver(signed(_event(bench, items=[{"name": "x"}] * 9000), secret), expect=202)
    bench.deliver(signed(body, bench.canaries.token(WEBHOOK_SECRET, "ws_")), expect=401)
    bench.deliver(signed(body, secret, age=1000), expect=401)
    bench.deliver(signed(body[:-1], secret), expect=400)
    text = bench.canaries.text(BODY)
    for field in ("timestamp", "data", "account_id", "previous_attributes"):
        bench.deliver(signed(event("payment.failed", **{"data": {"note": text}, field: [text]}), secret), expect=400)


def send_test_events(bench: LeakBench) -> None:
    """Send test events that start runs, and run an automation with an event that is valid, rejected or malformed."""
    data = {"note": bench.canaries.text(BODY), bench.canaries.name(BODY): [bench.canaries.text(BODY)]}
    bench.call("GET", "/events/types", expect=200)
    answer = bench.call("POST", "/events/test", json={"type": "payment.failed", "data": data}, expect=200)
    for run_id in answer.json()["run_ids"]:
        bench.ended(run_id)
    text = bench.canaries.text(BODY)
    for wrong in ({"type": text}, {"type": "payment.failed", "data": text}):
        bench.call("POST", "/events/test", json=wrong, expect=422)
    event = {"type": "payment.failed", "data": data}
    [run_id] = bench.call("POST", "/automations/good/run", json={"event": event}, expect=202).json()["run_ids"]
    bench.ended(run_id)
    for fields in ({"type": text}, {"data": text}, {"timestamp": text}, {"data": {"note": [text]}}):
        bench.call("POST", "/automations/unfit/run", json={"event": event | fields}, expect=422)
    bench.call("POST", "/automations/filtered/run", json={"event": event}, expect=422)
    bench.call("POST", "/automations/good/run", json={"event": event, "targets": [text]}, expect=422)


def replay_unrendered_runs(bench: LeakBench) -> None:
    """Replay runs whose texts could not be rendered: in vain, with a field that is not kept, and after a fix."""
    for name, fixed in (("null", None), ("unfit", "{{ event.data.note }}"), ("filtered", None)):
        failed = bench.call("GET", f"/runs?automation={name}&status=failed", expect=200).json()["data"]
        run_id = failed[0]["run_id"]
        bench.call("POST", f"/runs/{run_id}/replay", expect=422)
        _listen(bench, name, title="{{ event.data.more }}", expect=200)
        bench.call("POST", f"/runs/{run_id}/replay", expect=409)
        _listen(bench, name, title=fixed or "{{ event.type }}", expect=200)
        bench.call("POST", f"/runs/{run_id}/replay", expect=202)
        assert bench.ended(run_id)["status"] == "succeeded"


def _listen(bench: LeakBench, name: str, title: str = "", *, expect: int = 201, **trigger: str) -> None:
    """Write an automation that listens for events."""
    body = {
        "trigger": {"type": "webhook", "events": ["payment.failed"], **trigger},
        "action": create_chat(bench, **({"title": title} if title else {})),
        "targets": ["biz_Own"],
    }
    bench.call("PUT", f"/automations/{name}", json=body, expect=expect)


def _event(bench: LeakBench, **data: Any) -> bytes:
    """Return the body of an event with a canary in each field that may contain any text."""
    texts = {name: bench.canaries.text(BODY) for name in ("id", "api_version", "api_version_date", "more")}
    changes = {"previous_attributes": {"note": bench.canaries.text(BODY)}}
    data = {"note": bench.canaries.text(BODY), bench.canaries.name(BODY): [bench.canaries.text(BODY)], **data}
    return event("payment.failed", account_id="biz_Own", data=data, **texts, **changes)


def send_unreadable_messages(bench: LeakBench) -> None:
    """Put messages into the queue that this version of the code can't read."""
    queues, outputs = bench.system.emulator.clients.queues, bench.system.stack.outputs
    text = bench.canaries.text(BODY)
    event_message = {"kind": "event", "webhook_id": "msg_1", "event": {"note": text}, "automations": []}
    bodies = [text, json.dumps({"run_id": text}), json.dumps(event_message), json.dumps({"kind": text})]
    for body in bodies:
        queues.send_message(QueueUrl=outputs["RunQueue"], MessageBody=body)
    until(lambda: _messages_in(bench, "RunDeadLetters") >= len(bodies))


def _messages_in(bench: LeakBench, output: str) -> int:
    url = bench.system.stack.outputs[output]
    answer = bench.system.emulator.clients.queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def sweep(bench: LeakBench) -> None:
    """Resume runs whose time has come, and look for missed slots."""
    bench.invoke("SweepRunsFunction", {})


def renew_connections(bench: LeakBench) -> None:
    """Renew connections, let Whop reject that in all ways, and break their secrets."""
    token = bench.stored("whop/shop")["oauth"]["access_token"]
    renewal = {"connection": "shop", "rejected": fingerprint(token)}
    assert bench.invoke("RefreshTokensFunction", renewal) == {"renewed": 1}
    for form in FORMS:
        assert _renew(bench, Rejection(TOKEN_CALL, 400, form)) == {"failed": 1}
        assert _renew(bench, Rejection(TOKEN_CALL, 500, form)) == {"failed": 1}
        assert _renew(bench, Rejection(TOKEN_CALL, 400, form, INVALID_GRANT)) == {"broken": 1}
    assert _renew(bench, Rejection(TOKEN_CALL, 200, body=str)) == {"failed": 1}
    assert _renew(bench, *[Rejection(TOKEN_CALL, 429)] * MAX_ATTEMPTS) == {"failed": 1}
    text = bench.canaries.token(REFRESH_TOKEN)
    malformed = {"oauth": {"refresh_token": [text], "access_token": f"{text} {text}"}}
    for name, value in {"malformed": malformed, "unreadable": text, "listed": [text], "late": text}.items():
        bench.create_secret(f"whop/{name}", value)
    bench.invoke("RefreshTokensFunction", {"connection": "malformed"}, fails=True)
    bench.invoke_later("RefreshTokensFunction", {"connection": "late"})
    bench.invoke("RefreshTokensFunction", {}, fails=True)


def list_connections(bench: LeakBench) -> None:
    """List connections that work, that are broken, and whose secrets can't be read."""
    main = main_secret(bench.system)
    found = bench.system.emulator.clients.secrets.list_secrets(Filters=[{"Key": "name", "Values": [f"{main}/"]}])
    names = [secret["Name"].removeprefix(f"{main}/") for secret in found["SecretList"]]
    before = bench.stored("whop")
    companies = {f"biz_{number}": {"connection": name} for number, name in enumerate(names)}
    bench.secret("whop", before | {"companies": companies})
    bench.change_environment("HttpApiFunction", TEST_NUMBER="connections")
    listed = bench.call("GET", "/connections", expect=200).json()["data"]
    assert {"connected", "broken", "unreadable"} <= {connection["state"] for connection in listed}
    bench.secret("whop", before)
    bench.change_environment("HttpApiFunction", TEST_NUMBER="after connections")


def _renew(bench: LeakBench, *rejections: Rejection) -> object:
    """Renew a new connection when Whop rejects that. Return the result."""
    name = f"connection-{time.time_ns()}"
    tokens = {kind.replace(" ", "_"): bench.canaries.token(kind) for kind in (ACCESS_TOKEN, REFRESH_TOKEN)}
    bench.create_secret(f"whop/{name}", {"oauth": {"client_id": "app_1", "expires_at": int(time.time()), **tokens}})
    bench.whop.reject(*rejections)
    return bench.invoke("RefreshTokensFunction", {"connection": name})


def meet_garbage(bench: LeakBench) -> None:
    """Call a provider whose answers are no HTTP: it returns the request as a single line."""

    def mirror(connection: Connection) -> None:
        request = b""
        while not request.endswith(b"}") and (part := connection.receive()):
            request += part
        connection.send(request.replace(b"\r\n", b" ") + b"\r\n\r\n")

    with serving(mirror) as server:
        for function in ("HttpApiFunction", "RunScheduleFunction", "SweepRunsFunction", "RefreshTokensFunction"):
            bench.change_environment(function, WHOP_BASE_URL=f"{server.base_url}/api/v1")
        bench.call("POST", "/chats", json=new_chat(bench, company_id="biz_Own"), expect=202)
        bench.call("PATCH", "/chats/aich_1", json={"title": bench.canaries.text(TITLE)}, expect=502)
        bench.invoke("RunScheduleFunction", _tick(bench, "biz_Own"))
        assert _renew(bench) == {"failed": 1}
        clients, table = bench.system.emulator.clients, bench.system.stack.outputs["RunsTable"]
        request_webhook_check(Table(converting(clients.dynamodb), table))
        sweep(bench)


def leave_messages(bench: LeakBench) -> None:
    """Leave messages in the queues, as they are before a function gets them."""
    functions = bench.system.emulator.clients.functions
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    [secret, *_] = bench.stored("webhook")["secrets"]
    bench.change_environment("ReceiveWebhookFunction", TEST_NUMBER="secret")
    bench.deliver(signed(_event(bench, items=[{"name": "x"}] * 9000), secret), expect=202)
    bench.invoke("RunScheduleFunction", _tick(bench, *(f"biz_{number}" for number in range(20))))


def break_secrets(bench: LeakBench) -> None:
    """Let functions meet secrets that are malformed."""
    [secret, *_] = bench.stored("webhook")["secrets"]
    key = bench.canaries.token(API_KEY)
    callers = bench.stored("callers")
    for number, broken in enumerate(({"api_key": [key]}, {"companies": {"biz_Own": [key]}}, key, [key])):
        for name in ("whop", "kodey", "webhook", "events"):
            bench.secret(name, broken)
        bench.secret("callers", callers | {"wrong": {"sha256": key, "scopes": [key]}})
        for function in ("HttpApiFunction", "RunScheduleFunction", "ReceiveWebhookFunction"):
            bench.change_environment(function, TEST_NUMBER=str(number))
        bench.call("POST", "/chats", json=new_chat(bench, company_id="biz_Own"), expect=502)
        bench.call("GET", "/chats", expect=None)
        bench.call("GET", "/kodey/chats", expect=500)
        bench.call("GET", "/connections", expect=500)
        bench.call("POST", "/subscriptions/alerts/rotate", expect=500)
        bench.deliver(signed(_event(bench), secret), expect=500)
        bench.call("POST", "/events/test", json={"type": "payment.failed"}, expect=409)
        bench.invoke("RunScheduleFunction", _tick(bench, "biz_Own"))
    for broken in ({"wrong": {"sha256": key}}, key):
        bench.secret("callers", broken)
        bench.change_environment("HttpApiFunction", TEST_NUMBER=f"callers {type(broken)}")
        bench.call("GET", "/chats", expect=503)


PATHS: tuple[Callable[[LeakBench], None], ...] = (
    store_secrets,
    create_callers,
    log_in,
    call_chats,
    reject_chats,
    call_files,
    attach_urls,
    call_kodey,
    call_subscriptions,
    call_runs,
    call_automations,
    call_without_right,
    renew_connections,
    list_connections,
    deliver_webhooks,
    send_test_events,
    replay_unrendered_runs,
    lose_answers,
    fire_schedules,
    send_unreadable_messages,
    sweep,
    register_webhook,
    examine,
    log_out,
    retry_dead_letters,
    meet_garbage,
    leave_messages,
    break_secrets,
)
