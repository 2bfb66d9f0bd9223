"""The normal work of each function, which needs each of its permissions."""

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aichats.automations.sweep_part import CHUNK_JOBS
from aichats.aws.attributes import encode
from aichats.aws.clients import converting
from aichats.aws.table import Table
from aichats.events.log import Entry, EventLog
from aichats.events.model import SentEvent, event_id
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.times import to_text
from aichats.runs.model import Run, run_id
from aichats.runs.queue_messages import EventMessage, GroupMessage, JobMessage, body_of
from aichats.subscriptions.deliveries import Delivery, DeliveryTable
from aichats.subscriptions.delivery_queue import (
    DeliveryMessage,
    FlushMessage,
    ProbeMessage,
    QueuedMessage,
    RedeliveryMessage,
)
from aichats.subscriptions.model import Subscription
from aichats.subscriptions.row import SubscriptionRow
from aichats.subscriptions.table import SubscriptionTable
from aichats.whop.connections import fingerprint
from local.cloud.clients import Clients
from local.cloud.emulator import REGION
from local.setup import ROOT
from local.standins.whop.deliveries import PATH, event, signed
from local.system import STACK, WEBHOOK_SECRET
from tests.support.actions import an_action
from tests.support.connections import assign, create_connection, ended, log_in, name_of, secret_text, stored_grant
from tests.support.lambda_calls import http_event
from tests.support.mock_servers import ATTACHMENTS_BUCKET
from tests.support.roles import Roles

CREATE = {"type": "whop.create_chat", "message_text": "How was the week?"}
LONG = CREATE | {"message_text": "How was the week? " * 100}
"""A text that is kept beside the rows of the runs, and read when one of them goes on."""
WITH_OBJECT = CREATE | {"attachments": [{"s3": f"s3://{ATTACHMENTS_BUCKET}/reports/week.pdf"}]}
ASK_KODEY = {"type": "kodey.create_chat", "message_text": "How was the week?"}
EVERY_MINUTE = {"type": "schedule", "expression": "cron(* * * * ? *)"}
HALF_HOURLY = {"type": "schedule", "expression": "rate(30 minutes)"}
HOURLY = {"type": "schedule", "expression": "rate(1 hour)"}
ON_FAILURE = {"type": "webhook", "events": ["payment.failed"]}
DELIVER = "DeliverEventsFunction"
QUICK, SLOW, REFRESH = "PerformRunsFunction", "PerformSlowRunsFunction", "RefreshTokensFunction"

type Json = dict[str, Any]
type Work = Callable[[Roles], None]


def a_schedule_creates_a_chat(roles: Roles) -> None:
    fire(roles, schedule_event(CREATE, "biz_A"))


def a_schedule_attaches_an_object(roles: Roles) -> None:
    fire(roles, schedule_event(WITH_OBJECT, "biz_A"))


def a_schedule_s_event_comes_again_for_a_run_that_waits(roles: Roles) -> None:
    same = schedule_event(LONG, "biz_A")
    with no_provider(roles):
        fire(roles, same)
    fire(roles, same, later=timedelta(hours=1))


def a_schedule_creates_many_chats(roles: Roles) -> None:
    fire(roles, schedule_event(CREATE, "biz_A", "biz_B"))


def a_schedule_asks_kodey_for_many(roles: Roles) -> None:
    fire(roles, schedule_event(ASK_KODEY, "agent_1", "agent_2"))


def a_schedule_meets_an_access_token_that_has_ended(roles: Roles) -> None:
    fire(roles, schedule_event(CREATE, company_with_an_ended_token(roles)))


def an_automation_fires(roles: Roles) -> None:
    name = automation(roles, HOURLY, CREATE, "biz_A")
    fire(roles, {"automation": name, "scheduled_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")})


def an_automation_that_skips_slots_fires(roles: Roles) -> None:
    name = automation(roles, EVERY_MINUTE, CREATE, "biz_A", "biz_B", overlap="skip")
    for later in (timedelta(0), timedelta(minutes=1)):
        slot = (datetime.now(UTC) + later).strftime("%Y-%m-%dT%H:%M:00Z")
        fire(roles, {"automation": name, "scheduled_time": slot}, later=later)


def a_run_is_performed(roles: Roles) -> None:
    roles.call(QUICK, queued(roles, LONG, "biz_A"))


def a_run_with_an_object_is_performed(roles: Roles) -> None:
    roles.call(QUICK, queued(roles, WITH_OBJECT, "biz_A"))


def a_run_must_wait(roles: Roles) -> None:
    message = queued(roles, CREATE, "biz_A")
    with no_provider(roles):
        roles.call(QUICK, message)


def a_run_meets_an_access_token_that_has_ended(roles: Roles) -> None:
    roles.call(QUICK, queued(roles, CREATE, company_with_an_ended_token(roles)))


def a_group_of_slow_runs_comes(roles: Roles) -> None:
    group = GroupMessage(slow=True, sent_at=datetime.now(UTC), runs=((started(roles, ASK_KODEY, "agent_1"), 0),))
    roles.call(QUICK, messages(body_of(group)))


def an_event_is_rendered(roles: Roles) -> None:
    name = automation(roles, ON_FAILURE, ASK_KODEY, "agent_1", "agent_2")
    failure = json.loads(event("payment.failed", data={"id": "pay_1"}))
    message = EventMessage(webhook_id=unique("msg"), event=failure, automations=(name,))
    roles.call(QUICK, messages(body_of(message)))


def a_part_of_a_job_is_performed(roles: Roles) -> None:
    target = unique("biz").replace("-", "_")
    run = Run(run_id("http", target), "http", an_action(**LONG), target)
    ledger = Ledger(converting(roles.account.clients.dynamodb), roles.stack.outputs["RunsTable"], timedelta(minutes=1))
    ledger.add_ended([(run, {"type": "E", "message": "no"})], "failed")
    filters = {"status": ["failed"], "target": target}
    job = roles.http("POST", "/runs/replay", {"filter": filters}, as_root=True)
    assert job["count"] == 1
    roles.call(QUICK, messages(body_of(JobMessage(job_id=job["job_id"], part=0))))


def a_message_cannot_be_read(roles: Roles) -> None:
    roles.call(QUICK, messages("not ours"))


def a_slow_run_is_performed(roles: Roles) -> None:
    roles.call(SLOW, queued(roles, ASK_KODEY | {"message_text": LONG["message_text"]}, "agent_1"))


def a_slow_run_must_wait(roles: Roles) -> None:
    message = queued(roles, ASK_KODEY, "agent_1")
    with no_provider(roles):
        roles.call(SLOW, message)


def a_slow_message_cannot_be_read(roles: Roles) -> None:
    roles.call(SLOW, messages("not ours"))


def the_sweep_finds_runs_that_nobody_performed(roles: Roles) -> None:
    started(roles, CREATE, "biz_A")
    started(roles, ASK_KODEY, "agent_1")
    sweep(roles)


def the_sweep_finds_slots_from_before_a_change_of_targets(roles: Roles) -> None:
    name = automation(roles, HALF_HOURLY, CREATE, "biz_A")
    changed = definition(HALF_HOURLY, CREATE, "biz_A", "biz_B")
    roles.http("PUT", f"/automations/{name}", changed, as_root=True, later=timedelta(hours=1))
    sweep(roles)


def the_sweep_finds_schedules_that_came_apart(roles: Roles) -> None:
    schedules, group = roles.account.clients.schedules, roles.stack.outputs["ScheduleGroup"]
    gone, changed = (automation(roles, HALF_HOURLY, CREATE, "biz_A") for _ in range(2))
    schedules.delete_schedule(Name=f"{STACK}-automation-{gone}", GroupName=group)
    found: Json = {**schedules.get_schedule(Name=f"{STACK}-automation-{changed}", GroupName=group)}
    known = ("Name", "GroupName", "FlexibleTimeWindow", "Target")
    schedules.update_schedule(**{key: found[key] for key in known}, ScheduleExpression="rate(7 minutes)")
    orphan = {key: found[key] for key in known} | {"Name": f"{STACK}-automation-{unique('orphan')}"}
    schedules.create_schedule(**orphan, ScheduleExpression="rate(7 minutes)")
    sweep(roles)


def the_sweep_ends_a_deletion_that_was_interrupted(roles: Roles) -> None:
    name = automation(roles, HOURLY, CREATE, "biz_A")
    roles.account.clients.dynamodb.update_item(
        TableName=roles.stack.outputs["AutomationsTable"],
        Key={"name": {"S": name}},
        UpdateExpression="SET #state = :deleting",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":deleting": {"S": "deleting"}},
    )
    sweep(roles)


def the_sweep_finds_more_wrong_listeners_than_it_corrects_at_once(roles: Roles) -> None:
    table, dynamodb = roles.stack.outputs["AutomationsTable"], roles.account.clients.dynamodb
    listener = automation(roles, ON_FAILURE, CREATE, "biz_A")
    dynamodb.delete_item(TableName=table, Key={"name": {"S": f"{listener}:payment.failed"}})
    for number in range(CHUNK_JOBS):
        name, key = f"gone-{number}:payment.failed", "event:payment.failed"
        dynamodb.put_item(TableName=table, Item={"name": {"S": name}, "webhook": {"S": key}})
    sweep(roles)


def a_client_creates_a_chat(roles: Roles) -> None:
    roles.http("POST", "/chats", {"message_text": "How was the week?"})


def a_client_attaches_an_object(roles: Roles) -> None:
    chat = roles.http("POST", "/chats", {name: value for name, value in WITH_OBJECT.items() if name != "type"})
    assert chat["id"].startswith("aich_")


def a_client_meets_an_access_token_that_has_ended(roles: Roles) -> None:
    body = {"message_text": "How was the week?", "company_id": company_with_an_ended_token(roles)}
    assert "renews it" in roles.http("POST", "/chats", body)["error"]["message"]


def a_client_lists_chats_of_kodey(roles: Roles) -> None:
    roles.http("GET", "/kodey/chats")


def a_client_starts_many_runs(roles: Roles) -> None:
    roles.http("POST", "/runs", {"action": CREATE, "targets": ["biz_A", "biz_B"]})


def a_client_starts_slow_runs(roles: Roles) -> None:
    roles.http("POST", "/runs", {"action": ASK_KODEY, "targets": ["agent_1"]})


def a_client_looks_at_runs(roles: Roles) -> None:
    run = started(roles, CREATE, "biz_A")
    roles.http("GET", "/runs")
    roles.http("GET", f"/runs/{run}")


def a_client_starts_a_job(roles: Roles) -> None:
    filters = {"status": ["failed"]}
    job = roles.http("POST", "/runs/replay", {"filter": filters, "limit": 10})["job_id"]
    roles.http("GET", f"/jobs/{job}")


def a_client_looks_at_the_stack(roles: Roles) -> None:
    automation(roles, HALF_HOURLY, CREATE, "biz_A", as_root=False)
    for path in ("/me", "/upcoming", "/connections", "/budgets"):
        roles.http("GET", path)


def a_client_changes_automations(roles: Roles) -> None:
    name = automation(roles, HALF_HOURLY, CREATE, "biz_A", as_root=False)
    path = f"/automations/{name}"
    roles.http("PUT", path, definition(HOURLY, CREATE, "biz_A"))
    roles.http("GET", path)
    roles.http("GET", "/automations")
    roles.http("DELETE", path)


def a_client_subscribes_to_events(roles: Roles) -> None:
    path, body = f"/subscriptions/{unique('alerts')}", {"url": "https://receiver.example/", "events": ["run.failed"]}
    assert roles.http("PUT", path, body)["secret"].startswith("whsec_")
    roles.http("PUT", path, body | {"events": ["run.*"]})
    roles.http("GET", "/subscriptions")
    roles.http("DELETE", path)


def a_client_sends_a_test_event(roles: Roles) -> None:
    sent = http_event("POST", "/events/test", {"type": "plan.created"})
    sent["requestContext"]["domainName"] = roles.system.api_url.removeprefix("http://")
    roles.call("HttpApiFunction", sent)


def a_webhook_sets_off_automations(roles: Roles) -> None:
    automation(roles, ON_FAILURE, CREATE, "biz_A")
    automation(roles, ON_FAILURE, ASK_KODEY, "agent_1")
    delivery = signed(event("payment.failed", data={"id": "pay_1"}), WEBHOOK_SECRET)
    sent = http_event("POST", PATH, delivery.body.decode(), token=None, headers=delivery.headers)
    roles.call("ReceiveWebhookFunction", sent)


def a_text_fails_for_a_webhook_and_is_replayed(roles: Roles) -> None:
    data = {"id": unique("pay")}
    trigger = ON_FAILURE | {"filter": f"data.id == '{data['id']}'"}
    name = automation(roles, trigger, CREATE | {"title": "{{ event.data.nobody }}"}, "biz_A")
    delivery = signed(event("payment.failed", data=data), WEBHOOK_SECRET)
    sent = http_event("POST", PATH, delivery.body.decode(), token=None, headers=delivery.headers)
    run_id = json.loads(roles.call("ReceiveWebhookFunction", sent)["body"])["run_ids"][-1]
    roles.http("PUT", f"/automations/{name}", definition(trigger, CREATE, "biz_A"), as_root=True)
    assert roles.http("POST", f"/runs/{run_id}/replay")["run_ids"] == [run_id]


def all_connections_are_renewed(roles: Roles) -> None:
    connection_with_an_ended_token(roles)
    assert roles.call(REFRESH, {})["renewed"]


def a_renewal_that_died_before_its_end_is_completed(roles: Roles) -> None:
    name, version = connection_with_an_ended_token(roles), str(uuid.uuid4())
    stored = stored_grant(roles.system, name)
    roles.account.clients.secrets.put_secret_value(
        SecretId=name_of(roles.system, name),
        SecretString=secret_text(replace(stored, access_token="of-the-dead")),
        ClientRequestToken=version,
        VersionStages=["AWSPENDING"],
    )
    roles.account.clients.dynamodb.put_item(
        TableName=roles.stack.outputs["RunsTable"],
        Item=encode({"run_id": f"connection:{name}", "using": fingerprint(stored.refresh_token), "version": version}),
    )
    assert roles.call(REFRESH, {"connection": name}) == {"renewed": 1}
    assert stored_grant(roles.system, name).access_token == "of-the-dead"


def the_end_of_a_run_is_published(roles: Roles) -> None:
    subscriber(roles)
    fails(roles, subscriber(roles))
    assert roles.call("PublishEventsFunction", ended_run()) == {"events": 1}


def subscriber(roles: Roles) -> SubscriptionRow:
    """Return a new subscription to all runs. Its URL is not allowed, so each delivery fails without a request."""
    form = Subscription(url="https://127.0.0.1/", events=["run.*"], include_reply=True)
    return SubscriptionTable(events_of(roles)).put(unique("crm"), form)[0]


def events_of(roles: Roles) -> Table:
    return Table(converting(roles.account.clients.dynamodb), roles.stack.outputs["EventsTable"], "pk", "sk")


def fails(roles: Roles, row: SubscriptionRow) -> None:
    """Let the receiver of a subscription have failed a minute ago."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    assert SubscriptionTable(events_of(roles)).note_failure(row, "no", now, now, slow=True)


def waits(roles: Roles, row: SubscriptionRow) -> None:
    """Let a delivery of a subscription be overdue."""
    items, then = events_of(roles), datetime.now(UTC) - timedelta(minutes=10)
    event = SentEvent(event_id(unique("run")), "run.failed", then, STACK, {"run_id": "b" * 32})
    EventLog(items).store([Entry.of(event)])
    DeliveryTable(items).store(replace(Delivery.of(row.identity, event, then, None), due_at=then), then)


def an_event_is_delivered(roles: Roles) -> None:
    row = subscriber(roles)
    event = SentEvent(event_id(unique("run")), "run.succeeded", datetime.now(UTC), STACK, {"run_id": "b" * 32})
    deliver(roles, DeliveryMessage(subscription=row.name, created_at=row.created_at, event=event.envelope))


def deliveries_that_wait_are_sent(roles: Roles) -> None:
    row = subscriber(roles)
    waits(roles, row)
    until = datetime.now(UTC)
    deliver(
        roles, FlushMessage(subscription=row.name, created_at=row.created_at, held=False, until=until, started_at=until)
    )


def a_receiver_works_again(roles: Roles) -> None:
    row = subscriber(roles)
    deliver(roles, ProbeMessage(subscription=row.name, created_at=row.created_at))


def events_are_delivered_again(roles: Roles) -> None:
    row, now = subscriber(roles), datetime.now(UTC)
    since = now - timedelta(hours=1)
    asked = RedeliveryMessage(subscription=row.name, created_at=row.created_at, redelivery="1", since=since, until=now)
    deliver(roles, asked)


def a_message_about_deliveries_cannot_be_read(roles: Roles) -> None:
    roles.call(DELIVER, messages("not ours"))


def deliver(roles: Roles, message: QueuedMessage) -> None:
    assert roles.call(DELIVER, messages(message.model_dump_json())) == {"batchItemFailures": []}


def the_sweep_finds_deliveries_that_are_overdue(roles: Roles) -> None:
    working, failing = subscriber(roles), subscriber(roles)
    fails(roles, failing)
    for row in (working, failing):
        waits(roles, row)
    sweep(roles)


def a_client_asks_for_events_again(roles: Roles) -> None:
    row = subscriber(roles)
    roles.http("POST", f"/subscriptions/{row.name}/redeliver", {"since": "2020-01-01T00:00:00Z"})


def a_client_reads_events(roles: Roles) -> None:
    assert "next_cursor" in roles.http("GET", "/events")


def ended_run() -> Json:
    """Return an event of the stream with the end of a run that waits for a reply, and is one of two in its slot."""
    example: Json = json.loads((ROOT / "events" / "stream" / "run_succeeded.json").read_text())
    for image in ("OldImage", "NewImage"):
        example["Records"][0]["dynamodb"][image] |= {
            "run_id": {"S": unique("run")},
            "await_reply": {"BOOL": True},
            "slot_runs": {"N": "2"},
        }
    return example


def budgets_are_used_up(roles: Roles) -> None:
    """Publish the changes of two counters, which pause an automation and the stack. Then resume the stack."""
    roles.variables |= {"BUDGET_RUNS": "5"}
    name = automation(roles, HOURLY, CREATE, "biz_A", budget={"runs": 5, "per": "day"})
    try:
        roles.call("PublishEventsFunction", ended_run())
        for key in (f"budget:{name}:{datetime.now(UTC):%Y-%m-%d}", f"budget:STACK:{datetime.now(UTC):%Y-%m}"):
            assert roles.call("PublishEventsFunction", used_up(key)) == {"events": 2}
    finally:
        roles.variables.clear()
        roles.http("POST", "/resume", as_root=True)


def used_up(key: str) -> Json:
    """Return an event of the stream with a counter that reaches its limit."""
    example: Json = json.loads((ROOT / "events" / "stream" / "run_succeeded.json").read_text())
    item = {"run_id": key, "runs": 5, "limit_runs": 5, "updated_at": to_text(datetime.now(UTC))}
    example["Records"][0]["dynamodb"] |= {"Keys": encode({"run_id": key}), "OldImage": {}, "NewImage": encode(item)}
    return example


def an_event_starts_runs_within_a_budget(roles: Roles) -> None:
    trigger = ON_FAILURE | {"events": ["payment.refunded"]}
    automation(roles, trigger, CREATE, "biz_A", "biz_B", budget={"runs": 1, "per": "day"})
    delivery = signed(event("payment.refunded", data={"id": "pay_1"}), WEBHOOK_SECRET)
    sent = http_event("POST", PATH, delivery.body.decode(), token=None, headers=delivery.headers)
    assert len(json.loads(roles.call("ReceiveWebhookFunction", sent)["body"])["run_ids"]) == 2


def put_object(clients: Clients) -> None:
    """Put the object that runs attach into its bucket."""
    clients.s3.create_bucket(Bucket=ATTACHMENTS_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    clients.s3.put_object(Bucket=ATTACHMENTS_BUCKET, Key="reports/week.pdf", Body=b"%PDF-1.7 the report")


def fire(roles: Roles, event: Json, later: timedelta = timedelta(0)) -> None:
    roles.call("RunScheduleFunction", event, later=later)


def schedule_event(action: Json, *targets: str) -> Json:
    slot = "2026-11-20T09:00:00Z"
    return {"automation": unique("by-hand"), "scheduled_time": slot, "action": action, "targets": targets}


def company_with_an_ended_token(roles: Roles) -> str:
    """Return a company that uses a connection whose access token has ended."""
    assign(roles.system, {"biz_Ended": connection_with_an_ended_token(roles)})
    return "biz_Ended"


def connection_with_an_ended_token(roles: Roles) -> str:
    """Create a connection whose access token has ended. Return its name."""
    name = unique("ended")
    create_connection(roles.system, name, ended(log_in(roles.system.whop_url)))
    return name


def sweep(roles: Roles) -> None:
    roles.call("SweepRunsFunction", {}, later=timedelta(hours=2))


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:12]}"


def definition(trigger: Json, action: Json, *targets: str) -> Json:
    return {"trigger": trigger, "action": action, "targets": targets}


def automation(roles: Roles, trigger: Json, action: Json, *targets: str, as_root: bool = True, **fields: Any) -> str:
    """Put an automation. Return its name."""
    name = unique("automation")
    roles.http("PUT", f"/automations/{name}", definition(trigger, action, *targets) | fields, as_root=as_root)
    return name


def started(roles: Roles, action: Json, target: str) -> str:
    """Start a run that waits in its queue. Return its id."""
    run: str
    [run] = roles.http("POST", "/runs", {"action": action, "targets": [target]}, as_root=True)["run_ids"]
    return run


def queued(roles: Roles, action: Json, target: str) -> Json:
    """Return an event of SQS with the message of a new run."""
    return messages(json.dumps({"version": 1, "run_id": started(roles, action, target)}))


def messages(*bodies: str) -> Json:
    example: Json = json.loads((ROOT / "events" / "sqs" / "perform_runs.json").read_text())
    return {"Records": [example["Records"][0] | {"messageId": str(uuid.uuid4()), "body": body} for body in bodies]}


@contextlib.contextmanager
def no_provider(roles: Roles) -> Iterator[None]:
    """Let no provider answer for the ``with`` block."""
    roles.variables |= {"WHOP_BASE_URL": "http://127.0.0.1:9/api/v1", "KODEY_BASE_URL": "http://127.0.0.1:9"}
    try:
        yield
    finally:
        roles.variables.clear()


NORMAL_WORK: dict[str, list[Work]] = {
    "RunScheduleFunction": [
        a_schedule_creates_a_chat,
        a_schedule_attaches_an_object,
        a_schedule_s_event_comes_again_for_a_run_that_waits,
        a_schedule_creates_many_chats,
        a_schedule_asks_kodey_for_many,
        a_schedule_meets_an_access_token_that_has_ended,
        an_automation_fires,
        an_automation_that_skips_slots_fires,
    ],
    QUICK: [
        a_run_is_performed,
        a_run_with_an_object_is_performed,
        a_run_must_wait,
        a_run_meets_an_access_token_that_has_ended,
        a_group_of_slow_runs_comes,
        an_event_is_rendered,
        a_part_of_a_job_is_performed,
        a_message_cannot_be_read,
    ],
    SLOW: [a_slow_run_is_performed, a_slow_run_must_wait, a_slow_message_cannot_be_read],
    "SweepRunsFunction": [
        the_sweep_finds_deliveries_that_are_overdue,
        the_sweep_finds_runs_that_nobody_performed,
        the_sweep_finds_slots_from_before_a_change_of_targets,
        the_sweep_finds_schedules_that_came_apart,
        the_sweep_ends_a_deletion_that_was_interrupted,
        the_sweep_finds_more_wrong_listeners_than_it_corrects_at_once,
    ],
    "HttpApiFunction": [
        a_client_creates_a_chat,
        a_client_attaches_an_object,
        a_client_meets_an_access_token_that_has_ended,
        a_client_lists_chats_of_kodey,
        a_client_starts_many_runs,
        a_client_starts_slow_runs,
        a_client_looks_at_runs,
        a_client_starts_a_job,
        a_client_looks_at_the_stack,
        a_client_changes_automations,
        a_client_subscribes_to_events,
        a_client_asks_for_events_again,
        a_client_reads_events,
        a_client_sends_a_test_event,
        a_text_fails_for_a_webhook_and_is_replayed,
    ],
    "ReceiveWebhookFunction": [
        a_webhook_sets_off_automations,
        a_text_fails_for_a_webhook_and_is_replayed,
        an_event_starts_runs_within_a_budget,
    ],
    DELIVER: [
        an_event_is_delivered,
        deliveries_that_wait_are_sent,
        a_receiver_works_again,
        events_are_delivered_again,
        a_message_about_deliveries_cannot_be_read,
    ],
    "PublishEventsFunction": [the_end_of_a_run_is_published, budgets_are_used_up],
    REFRESH: [all_connections_are_renewed, a_renewal_that_died_before_its_end_is_completed],
}
