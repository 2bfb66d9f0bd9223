"""``/subscriptions``: create, replace, read, list and delete subscriptions, and rotate their secrets."""

from http import HTTPStatus

from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.problems import RejectedError
from aichats.api.requests import read_if_match
from aichats.api.stored_automations import NAMED, WITH_ETAG
from aichats.api.stored_subscriptions import (
    READ_SUBSCRIPTIONS,
    WRITE_SUBSCRIPTIONS,
    existing_subscription,
    unknown_subscription,
)
from aichats.api.subscription_view import (
    CreatedSubscription,
    RotatedSecret,
    SubscriptionBody,
    Subscriptions,
    SubscriptionView,
    previous_secret_until,
    view_subscription,
)
from aichats.aws.observability import logger
from aichats.http.public_urls import check_receiver_url
from aichats.subscriptions.row import SubscriptionRow
from aichats.subscriptions.signing import signing_secret
from aichats.subscriptions.table import TooManySubscriptionsError


@operation(
    "PUT",
    "/subscriptions/{name}",
    "Create or replace a subscription",
    scopes=WRITE_SUBSCRIPTIONS,
    parameters=NAMED,
    body=SubscriptionBody,
    answers={200: SubscriptionView, 201: CreatedSubscription},
    conflicts=True,
    conditional=True,
    headers={**WITH_ETAG, "Location": "The subscription"},
)
def put_subscription(call: ApiCall[SubscriptionBody, None]) -> Reply:
    """Send events to a URL from now on. Sending the same definition again changes nothing.

    Only the answer with 201 contains `secret`, with which the receiver verifies each delivery. If you lose it, rotate
    it. You can send back what `GET` returns. The read-only fields in it are ignored.

    With `If-Match`, the subscription is replaced only if you know its current version. With `If-None-Match: *`, it is
    only created. Retrying a conditional request is safe. There can be 100 subscriptions.
    """
    name, master = call.path["name"], call.app.signing_key()
    subscription = call.body.subscription(name)
    check_receiver_url(subscription.url, allow_loopback=call.app.receiver_settings.allow_loopback)
    conditions = call.headers.get("if-match"), call.headers.get("if-none-match")
    try:
        row, is_new = call.app.subscriptions.put(name, subscription, *conditions, by=call.caller.name)
    except TooManySubscriptionsError as error:
        raise RejectedError(HTTPStatus.CONFLICT, "conflict", str(error)) from None
    headers = {"ETag": row.etag, "Location": f"/subscriptions/{name}"}
    view = view_subscription(row, call.app.ledger.clock())
    if not is_new:
        return Reply(view, headers=headers)
    logger.info("subscription created", extra={"subscription": name})
    created = CreatedSubscription.model_construct(**dict(view), secret=_newest_secret(master, row))
    return Reply(created, HTTPStatus.CREATED, headers)


@operation(
    "GET",
    "/subscriptions/{name}",
    "Get a subscription",
    scopes=READ_SUBSCRIPTIONS,
    parameters=NAMED,
    answers={200: SubscriptionView},
    headers=WITH_ETAG,
)
def get_subscription(call: ApiCall[None, None]) -> Reply:
    """Return a subscription and the state of its receiver. The secret is not shown again."""
    row = existing_subscription(call)
    return Reply(view_subscription(row, call.app.ledger.clock()), headers={"ETag": row.etag})


@operation("GET", "/subscriptions", "List subscriptions", scopes=READ_SUBSCRIPTIONS, answers={200: Subscriptions})
def list_subscriptions(call: ApiCall[None, None]) -> Reply:
    """Return all subscriptions and the states of their receivers."""
    now = call.app.ledger.clock()
    shown = [view_subscription(row, now) for row in call.app.subscriptions.list()]
    return Reply(Subscriptions.model_construct(data=shown))


@operation(
    "DELETE",
    "/subscriptions/{name}",
    "Delete a subscription",
    scopes=WRITE_SUBSCRIPTIONS,
    parameters=NAMED,
    answers={204: None},
    conditional=True,
)
def delete_subscription(call: ApiCall[None, None]) -> Reply:
    """Send no more events to a URL. Deliveries that wait are dropped, and the secret is no longer valid."""
    if_match, name = read_if_match(call.headers), call.path["name"]
    if not call.app.subscriptions.delete(name, if_match):
        raise unknown_subscription(name)
    logger.info("subscription deleted", extra={"subscription": name})
    return Reply(status=HTTPStatus.NO_CONTENT)


@operation(
    "POST",
    "/subscriptions/{name}/rotate",
    "Rotate the secret of a subscription",
    scopes=WRITE_SUBSCRIPTIONS,
    parameters=NAMED,
    answers={200: RotatedSecret},
    idempotent=True,
)
def rotate_secret(call: ApiCall[None, None]) -> Reply:
    """Return a new secret. For 24 hours, deliveries are signed with both the new secret and the one before.

    Older secrets no longer sign. A retry with the same `Idempotency-Key` returns the same secret, as long as there was
    no other rotation.
    """
    master, row = call.app.signing_key(), existing_subscription(call)
    request = f"{call.caller.identity}\n{call.idempotency_key}" if call.idempotency_key else None
    rotated = call.app.subscriptions.rotate(row.name, request)
    if rotated is None:
        raise unknown_subscription(row.name)
    logger.info("secret of a subscription rotated", extra={"subscription": row.name})
    until = previous_secret_until(rotated, call.app.ledger.clock())
    return Reply(RotatedSecret(secret=_newest_secret(master, rotated), previous_secret_until=until))


def _newest_secret(master: str, row: SubscriptionRow) -> str:
    return signing_secret(master, row.name, row.key_ids[0].id)
