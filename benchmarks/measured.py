"""The measured functions: the event, the mocked answers and the effect of each."""

import base64
import copy
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aichats.automations.definition_models import validated_automation
from aichats.automations.row import item_from_row, next_row
from aichats.aws.attributes import encode
from aichats.runs.ledger.rows import new_item
from aichats.runs.ledger.times import to_text
from benchmarks.batches import make_runs
from benchmarks.upstream import BEARER, CHANGE, CREATE, DELIVERY, RECEIVER, SCHEDULE_GROUP, WEBHOOK_SECRET, Answer, Json
from local.setup import ROOT

EMPTY, FLOOR, OFFICIAL, LEDGER = "empty", "floor", "official", "official with a ledger"
RUN_SCHEDULE, PERFORM_RUNS, HTTP_API = "run_schedule", "perform_runs", "http_api"
WEBHOOK, WEBHOOK_IDLE = "receive_webhook", "receive_webhook, no automation"
PUBLISH, DELIVER, SWEEP = "publish_events", "deliver_events", "sweep_runs"
EVENTS = ROOT / "events"
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Measured:
    """A function to measure.

    Attributes:
        event: returns the event of a call.
        effect: the calls that one event must cause, by operation.
        answers: its answers of the mocked services.
        variables: its environment variables, in addition to those of all functions. ``{url}`` is the
            mocks' address, and ``{bundle}`` the file with their certificates for functions that use botocore.
        function: its name in the template; ``None`` if it isn't a function of this project.
        response: returns whether a response of the function is right.
    """

    event: Callable[[], bytes]
    effect: Mapping[str, int]
    answers: Mapping[str, Answer] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    function: str | None = None
    response: Callable[[Any], bool] = lambda _: True


def stored(*path: str) -> bytes:
    """Return an example event."""
    return EVENTS.joinpath(*path).read_bytes()


def schedule() -> bytes:
    """Return the event of a schedule that creates one chat."""
    return stored("schedule", "create_chat.json")


# ------------------------------------------------------------------ perform_runs


def queued_item() -> Json:
    """Return the row of a queued run that creates one chat, with its mark, in DynamoDB's format."""
    [run] = make_runs(1, 1)
    action = json.dumps({"type": "whop.create_chat", "title": "Weekly revenue", "message_text": "Summarize last week."})
    base = "abcdefghijklmnopqrstuvwxyz234567"
    prepared = {"action": action, "key_base": base, "title": f"{base[:10]} · Weekly revenue"}
    return encode(new_item(run, NOW, NOW, prepared))


def claimed(request: Json) -> Json:
    """Return the row of the queued run as it was, if the request asks for it."""
    return {"Attributes": queued_item()} if request.get("ReturnValues") == "ALL_OLD" else {}


def message() -> bytes:
    """Return the event of a queue with one run."""
    record = json.loads(stored("sqs", "perform_runs.json"))["Records"][0]
    record["body"] = json.dumps({"version": 1, "run_id": make_runs(1, 1)[0].run_id}, separators=(",", ":"))
    return json.dumps({"Records": [record]}).encode()


# ------------------------------------------------------------------ receive_webhook and http_api


def delivery() -> bytes:
    """Return an event of API Gateway with a delivery of Whop that was signed now."""
    event = json.loads(stored("webhook", "payment_failed.json"))
    identifier, timestamp = event["headers"]["webhook-id"], str(int(time.time()))
    signed = f"{identifier}.{timestamp}.{event['body']}".encode()
    signature = base64.b64encode(hmac.digest(WEBHOOK_SECRET.encode(), signed, hashlib.sha256)).decode()
    event["headers"] |= {"webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}
    return json.dumps(event).encode()


def automation_item() -> Json:
    """Return the row of an automation that listens for the delivered event, in DynamoDB's format."""
    definition = {
        "trigger": {"type": "webhook", "events": ["payment.failed"]},
        "action": {
            "type": "whop.create_chat",
            "title": "Payment",
            "message_text": "{{ event.data.user.name }} failed.",
        },
        "targets": ["{{ event.account_id }}"],
    }
    automation = validated_automation(definition, max_message_bytes=32768)
    return encode(item_from_row(next_row("payment-failed", automation, None, NOW)))


def listeners(request: Json) -> Json:
    """Return the automation in the index of event types, and nothing in other places."""
    values = [value.get("S", "") for value in request.get("ExpressionAttributeValues", {}).values()]
    found = "event:payment.failed" in values
    items = [{"name": {"S": "payment-failed:payment.failed"}}] if found else []
    return {"Items": items, "Count": len(items)}


def nothing(_request: Json) -> Json:
    """Return no items."""
    return {"Items": [], "Count": 0}


def all_of(item: Callable[[], Json]) -> Answer:
    """Return the answer to BatchGetItem that has one item of each table."""
    return lambda request: {"Responses": {table: [item()] for table in request["RequestItems"]}, "UnprocessedKeys": {}}


def create_chat() -> bytes:
    """Return an event of API Gateway with a request that creates one chat."""
    event = json.loads(stored("http", "create_chat.json"))
    event["headers"]["authorization"] = f"Bearer {BEARER}"
    return json.dumps(event).encode()


def has_status(*statuses: int) -> Callable[[Any], bool]:
    """Return whether a response of a function behind API Gateway has one of the statuses."""
    return lambda response: response["statusCode"] in statuses


# ------------------------------------------------------------------ events

CREATED_AT = to_text(NOW)


def change() -> bytes:
    """Return an event of a stream with the end of one run, now. An old end would be stored twice, as a late event."""
    return changes(1)


def changes(number: int) -> bytes:
    """Return an event of a stream with the ends of some runs, now."""
    now = datetime.now(UTC)
    event = json.loads(stored("stream", "run_succeeded.json"))
    [template] = event["Records"]
    event["Records"] = [ended(copy.deepcopy(template), now, index) for index in range(number)]
    return json.dumps(event).encode()


def ended(record: Json, now: datetime, index: int) -> Json:
    """Return a record of a stream with another run, which ends now."""
    content = record["dynamodb"]
    content["ApproximateCreationDateTime"] = int(now.timestamp())
    content["SequenceNumber"] = str(int(content["SequenceNumber"]) + index)
    for name in ("updated_at", "finished_at"):
        content["NewImage"][name] = {"S": to_text(now)}
    run_id = content["Keys"]["run_id"]["S"][:-1] + "abcdefghijklmnopqrstuvwxyz"[index]
    for image in (content["Keys"], content["NewImage"], content["OldImage"]):
        image["run_id"] = {"S": run_id}
    return record


def outgoing() -> bytes:
    """Return an event of a queue with one delivery to a receiver."""
    event = json.loads(stored("deliveries", "run_failed.json"))
    body = json.loads(event["Records"][0]["body"])
    body["created_at"] = body["event"]["timestamp"] = CREATED_AT
    event["Records"][0]["body"] = json.dumps(body)
    return json.dumps(event).encode()


def subscription_item() -> Json:
    """Return the row of the subscription that the delivery is for, in DynamoDB's format."""
    item: dict[str, Any] = {
        "pk": "subscriptions",
        "sk": "alerts",
        "url": f"{{url}}{RECEIVER}",
        "events": ["run.failed"],
        "format": "standard",
        "version": 1,
        "etag": '"0"',
        "created_at": CREATED_AT,
        "updated_at": CREATED_AT,
        "key_ids": [{"id": "0" * 32}],
        "failures": 0,
        "slow": False,
    }
    return encode(item)


def subscriptions(request: Json) -> Json:
    """Return the subscription for its key, and no item for others, which are deliveries."""
    [(table, query)] = request["RequestItems"].items()
    asked = {"S": "subscriptions"} in [key["pk"] for key in query["Keys"]]
    return {"Responses": {table: [subscription_item()] if asked else []}, "UnprocessedKeys": {}}


def sweep() -> bytes:
    """Return the event of the sweep."""
    return stored("schedule", "sweep.json")


SECRETLESS = {"WHOP_SECRET": "", "KODEY_SECRET": ""}
DELIVERIES = {
    "DELIVERY_QUEUE_URL": "{url}/123456789012/deliveries",
    "SLOW_DELIVERY_QUEUE_URL": "{url}/123456789012/slow-deliveries",
    "DELIVERY_DEAD_LETTERS_URL": "{url}/123456789012/delivery-dead-letters",
}
SCHEDULES = {
    "SCHEDULE_GROUP": "benchmark",
    "RUN_SCHEDULE_ARN": "arn:aws:lambda:eu-west-1:123456789012:function:run-schedule",
    "SCHEDULER_ROLE_ARN": "arn:aws:iam::123456789012:role/scheduler",
    "SCHEDULE_DEAD_LETTERS_ARN": "arn:aws:sqs:eu-west-1:123456789012:schedule-dead-letters",
}
EVENTS_TABLE = {"EVENTS_TABLE": "events"}
WHOP_RUNS = {"REFRESH_TOKENS_FUNCTION": "refresh-tokens", "ATTACHMENTS_BUCKET": "attachments"}
CALLERS = {"CALLERS_SECRET": "aichats/benchmark/callers", "EVENTS_SECRET": "aichats/benchmark/events"}
# The receiver is on this machine, which the function allows only if AWS is there too, without TLS. So the variable for
# all services has no TLS, and the function uses those for single services, which have it.
LOCAL_AWS = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_DYNAMODB": "{url}",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER": "{url}",
    "AWS_ENDPOINT_URL_SQS": "{url}",
    "LOOPBACK_RECEIVERS": "allowed",
}
MEASURED: Mapping[str, Measured] = {
    EMPTY: Measured(schedule, {}),
    FLOOR: Measured(schedule, {CREATE: 1}),
    OFFICIAL: Measured(schedule, {CREATE: 1}),
    LEDGER: Measured(schedule, {CREATE: 1, CHANGE: 1, "PutItem": 1, "UpdateItem": 2}),
    RUN_SCHEDULE: Measured(
        schedule,
        {CREATE: 1, CHANGE: 1, "PutItem": 1, "UpdateItem": 2},
        variables=WHOP_RUNS,
        function="RunScheduleFunction",
        response=lambda response: response["runs"][0]["status"] == "succeeded",
    ),
    PERFORM_RUNS: Measured(
        message,
        {CREATE: 1, CHANGE: 1, "UpdateItem": 3},
        {"UpdateItem": claimed},
        {**WHOP_RUNS, "REPLY_WATCH_MINUTES": "120"},
        "PerformRunsFunction",
        lambda response: response == {"batchItemFailures": []},
    ),
    WEBHOOK: Measured(
        delivery,
        {"PutItem": 1, "SendMessageBatch": 1},
        {"Query": listeners, "BatchGetItem": all_of(automation_item)},
        {**SECRETLESS, "WEBHOOK_SECRET": "aichats/benchmark/webhook"},
        "ReceiveWebhookFunction",
        has_status(202),
    ),
    WEBHOOK_IDLE: Measured(
        delivery,
        {"PutItem": 0, "SendMessageBatch": 0},
        {"Query": nothing},
        {**SECRETLESS, "WEBHOOK_SECRET": "aichats/benchmark/webhook"},
        "ReceiveWebhookFunction",
        has_status(202),
    ),
    HTTP_API: Measured(
        create_chat,
        {CREATE: 1, CHANGE: 1, "PutItem": 1},
        {"Query": nothing},
        {
            **WHOP_RUNS,
            **CALLERS,
            **DELIVERIES,
            **SCHEDULES,
            **EVENTS_TABLE,
            "WEBHOOK_SECRET": "aichats/benchmark/webhook",
        },
        "HttpApiFunction",
        has_status(200, 201),
    ),
    PUBLISH: Measured(
        change,
        {"PutEvents": 1, "TransactWriteItems": 1},
        {"Query": nothing},
        {**SECRETLESS, **DELIVERIES, **EVENTS_TABLE, "EVENT_BUS": "benchmark"},
        "PublishEventsFunction",
        lambda response: response == {"events": 1},
    ),
    DELIVER: Measured(
        outgoing,
        {DELIVERY: 1, "PutItem": 1, "UpdateItem": 1},
        {"Query": nothing, "BatchGetItem": subscriptions},
        {
            **SECRETLESS,
            **DELIVERIES,
            **EVENTS_TABLE,
            **LOCAL_AWS,
            "EVENTS_SECRET": "aichats/benchmark/events",
            "API_URL": "https://api.example",
        },
        "DeliverEventsFunction",
        lambda response: response == {"batchItemFailures": []},
    ),
    SWEEP: Measured(
        sweep,
        {SCHEDULE_GROUP: 1},
        {"Query": nothing, "Scan": nothing},
        {**DELIVERIES, **SCHEDULES, **EVENTS_TABLE, "KODEY_SECRET": "", "AWS_CA_BUNDLE": "{bundle}"},
        "SweepRunsFunction",
        lambda response: set(response) == {"resumed", "ended", "missed", "repaired"},
    ),
}
