"""``/subscriptions/{name}/…``: test a receiver, list its deliveries, and deliver events again."""

import hashlib
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field

from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.problems import RejectedError
from aichats.api.starting import bind_key, retry_with_key
from aichats.api.stored_automations import NAMED
from aichats.api.stored_subscriptions import READ_SUBSCRIPTIONS, WRITE_SUBSCRIPTIONS, existing_subscription
from aichats.aws.errors import AwsError
from aichats.aws.observability import Contained, logger
from aichats.errors import InputError
from aichats.events.model import SentEvent, event_id
from aichats.http.receiver import ReceiverError
from aichats.models import Request, RunId
from aichats.runs.ledger.times import from_text
from aichats.runs.queue import QueueError
from aichats.subscriptions.deliveries import KEEP_DELIVERIES, Delivery, DeliveryStatus
from aichats.subscriptions.delivery_queue import RedeliveryMessage
from aichats.subscriptions.model import TEST_EVENT, EventPattern
from aichats.subscriptions.redeliver import TooManyRedeliveriesError

TEST_SECONDS = 10.0
"""The time limit of a test."""
SEARCHED_DELIVERIES = 1000
"""The maximum number of deliveries that are read for a page."""
_OLDEST, _NEWEST = "0", "9"
_PLACE = r"^[0-9T:.Z-]{20,32}#evt_[a-z2-7]{32}$"


class ReceiverTest(BaseModel):
    """The answer of a receiver to a test."""

    delivered: Annotated[bool, Field(description="Whether the receiver accepted the event")]
    event_id: str
    status: Annotated[int | None, Field(description="The HTTP status; null if there was no answer")] = None
    seconds: Annotated[float | None, Field(description="The duration; null if the receiver did not accept")] = None
    error: Annotated[str | None, Field(description="Why the receiver did not accept the event")] = None


class DeliveryView(BaseModel):
    """An event for a subscription, and its result."""

    event_id: str
    type: str
    event_time: datetime
    run_id: Annotated[str | None, Field(description="The run that the event is about; null if it is about no run")]
    status: DeliveryStatus
    attempts: Annotated[int, Field(description="The number of attempts, without those before a retry was due")]
    waits_for_receiver: Annotated[bool, Field(description="Whether it waits until the receiver works again")]
    next_attempt_at: Annotated[datetime | None, Field(description="The next retry; null if there is none")]
    first_attempt_at: datetime | None
    last_attempt_at: datetime | None
    last_status: Annotated[int | None, Field(description="The HTTP status of the last answer")]
    last_error: str | None
    seconds: Annotated[float | None, Field(description="The duration of the successful attempt")]


class DeliveryPage(BaseModel):
    """A page of deliveries, newest event first."""

    data: list[DeliveryView]
    next_cursor: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page")]


class DeliveryQuery(Request):
    """The deliveries to list."""

    status: Annotated[DeliveryStatus | None, Field(description="Only deliveries with this status")] = None
    run_id: Annotated[RunId | None, Field(description="Only deliveries of events about this run")] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str | None, Field(pattern=_PLACE, description="The `next_cursor` of the page before")] = None


class Redeliver(Request):
    """The events to deliver again."""

    since: Annotated[AwareDatetime, Field(description="The time of the first event. Events are stored for 30 days")]
    until: Annotated[AwareDatetime | None, Field(description="The time of the last event. Default: now")] = None
    failed_only: Annotated[bool, Field(description="Whether only events whose delivery failed")] = False
    events: Annotated[
        list[EventPattern] | None,
        Field(min_length=1, max_length=50, description="Only these types of events, or groups such as `run.*`"),
    ] = None


class StartedRedelivery(BaseModel):
    """The request, which is performed from the queue."""

    redelivery: Annotated[str, Field(description="The id of this request")]
    since: datetime
    until: datetime


@operation(
    "POST",
    "/subscriptions/{name}/test",
    "Test a subscription",
    scopes=WRITE_SUBSCRIPTIONS,
    parameters=NAMED,
    answers={200: ReceiverTest},
)
def send_test_delivery(call: ApiCall[None, None]) -> Reply:
    """Send a `subscription.test` event now, and return what the receiver answered within 10 seconds.

    It works for a disabled subscription too. There are no retries. If the receiver failed before and accepts the test,
    all deliveries that wait are sent.
    """
    row, now = existing_subscription(call), call.app.ledger.clock()
    stack = call.app.event_settings.powertools_service_name
    unique = event_id(stack, TEST_EVENT, row.name, str(uuid.uuid4()))
    event = SentEvent(unique, TEST_EVENT, now, stack, {"subscription": row.name})
    deliverer = call.app.outgoing.deliverer
    try:
        answer = deliverer.attempts.make(row, event, TEST_SECONDS)
    except ReceiverError as error:
        return Reply(ReceiverTest(delivered=False, event_id=unique, status=error.status, error=str(error)))
    with Contained("success of a test not noted", {"subscription": row.name}):
        deliverer.note_success(row, answer)
    return Reply(ReceiverTest(delivered=True, event_id=unique, status=answer.status, seconds=round(answer.seconds, 3)))


@operation(
    "GET",
    "/subscriptions/{name}/deliveries",
    "List the deliveries of a subscription",
    scopes=READ_SUBSCRIPTIONS,
    parameters=NAMED,
    query=DeliveryQuery,
    answers={200: DeliveryPage},
)
def list_deliveries(call: ApiCall[None, DeliveryQuery]) -> Reply:
    """Return the result of each event of the last 30 days, newest event first.

    An event appears after its first attempt. Follow `next_cursor` until it is null: with `status` or `run_id`, a
    page can have fewer deliveries than `limit`, even none, although there are more.
    """
    row, query = existing_subscription(call), call.query
    found = call.app.outgoing.deliveries.of_subscription(
        row.identity, _OLDEST, query.cursor or _NEWEST, newest_first=True
    )
    data: list[DeliveryView] = []
    for number, delivery in enumerate(found, 1):
        if query.status in (None, delivery.status) and query.run_id in (None, delivery.run_id):
            data.append(_view(delivery))
        if len(data) == query.limit or number == SEARCHED_DELIVERIES:
            return Reply(DeliveryPage(data=data, next_cursor=delivery.place))
    return Reply(DeliveryPage(data=data, next_cursor=None))


@operation(
    "POST",
    "/subscriptions/{name}/redeliver",
    "Deliver events again",
    scopes=WRITE_SUBSCRIPTIONS,
    parameters=NAMED,
    body=Redeliver,
    answers={202: StartedRedelivery},
    conflicts=True,
    idempotent=True,
)
def start_redelivery(call: ApiCall[Redeliver, None]) -> Reply:
    """Deliver stored events again that the subscription selects, oldest first, even if they were delivered.

    Each event has the same id as before, in `webhook-id`. A request delivers each event once, even if you repeat the
    request with its `Idempotency-Key`. To see the results, list the deliveries. There can be ten requests in an hour.
    """
    row, now = existing_subscription(call), call.app.ledger.clock()
    if not row.subscription.enabled:
        detail = f"subscription {row.name} is disabled. Enable it first, with PUT"
        raise RejectedError(HTTPStatus.CONFLICT, "conflict", detail)
    until = min(call.body.until or now, now)
    if call.body.since > until:
        raise InputError([("since", "must be before `until`, and not in the future")])
    since = max(call.body.since, now - KEEP_DELIVERIES)  # Older events are deleted.
    key = bind_key(call, f"POST /subscriptions/{row.name}/redeliver")
    message = RedeliveryMessage(
        subscription=row.name,
        created_at=row.created_at,
        redelivery="",
        since=since.astimezone(UTC),
        until=until.astimezone(UTC),
        failed_only=call.body.failed_only,
        events=tuple(call.body.events or ()),
    )
    try:
        started = call.app.outgoing.redeliveries.start(message, _request_id(call, key))
    except TooManyRedeliveriesError as error:
        raise RejectedError(HTTPStatus.CONFLICT, "conflict", str(error)) from None
    except (AwsError, QueueError) as error:
        problem = "aichats doesn't know whether it started to deliver the events"
        raise retry_with_key(key, problem, "Each event is delivered once") from error
    logger.info("redelivery started", extra={"subscription": row.name, "redelivery": started.redelivery})
    answer = StartedRedelivery(redelivery=started.redelivery, since=started.since, until=started.until)
    return Reply(answer, HTTPStatus.ACCEPTED)


def _request_id(call: ApiCall[Any, None], key: str) -> str:
    """Return the id of a request, which is the same for each retry with its key."""
    return hashlib.sha256(f"{call.caller.identity}\n{key}".encode()).hexdigest()[:32]


def _view(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        event_id=delivery.event_id,
        type=delivery.type,
        event_time=from_text(delivery.place.partition("#")[0]),
        run_id=delivery.run_id,
        status=delivery.status,
        attempts=delivery.attempts,
        waits_for_receiver=delivery.held,
        next_attempt_at=None if delivery.held else delivery.due_at,
        first_attempt_at=delivery.first_attempt_at,
        last_attempt_at=delivery.last_attempt_at,
        last_status=delivery.last_status,
        last_error=delivery.last_error,
        seconds=float(delivery.seconds) if delivery.seconds else None,
    )
