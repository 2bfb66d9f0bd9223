"""`aichats notify add slack` and `aichats notify add webhook`."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.commands.notify.group import PROBLEMS, NewName, Types, Yes, adding, path_to, place_of
from aichats_cli.event_words import checked_types
from aichats_cli.output import Format
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats_cli.models import EventPattern, RotatedSecret, SubscriptionBody, SubscriptionView

Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="EXPRESSION",
        help="Only events for which this JMESPath is true, such as \"data.automation == 'weekly'\".",
    ),
]


@command(
    adding,
    "slack",
    examples=[
        "aichats notify add slack alerts",
        "aichats notify add slack team --types 'run.failed,budget.*' < slack-url.txt",
    ],
)
def add_slack(
    session: Session,
    name: NewName,
    *,
    types: Types = None,
    filter_: Filter = None,
    yes: Yes = False,
) -> None:
    """Send events to a Slack channel.

    The command asks for the URL of the channel's incoming webhook, or reads it from standard input, because it is a
    secret. Create one at https://api.slack.com/messaging/webhooks. Adding a name again replaces it.
    """
    path, events = path_to(name), checked_types(types or [PROBLEMS])
    url = session.secret("URL of the incoming webhook")
    added, _ = add(session, path, {**definition(url, events, filter_), "format": "slack"}, yes=yes)
    session.output.item(added, {"name": name, "to": place_of(added), "events": events, "filter": filter_})
    session.note(f"Send a test message: aichats notify test {name}")


@command(
    adding,
    "webhook",
    examples=[
        "aichats notify add webhook crm --url https://example.com/aichats --types run.succeeded,run.failed",
        "aichats notify add webhook audit --url https://example.com/audit --types '*' -o json",
    ],
)
def add_webhook(
    session: Session,
    name: NewName,
    *,
    url: Annotated[
        str, typer.Option(metavar="URL", help="Gets a POST for each event; - asks for it, if it is a secret.")
    ],
    types: Types = None,
    filter_: Filter = None,
    yes: Yes = False,
) -> None:
    """Send events to a URL, signed by Standard Webhooks, with retries for three days.

    The secret with which the receiver verifies the signature is printed once. Adding a name again replaces the URL and
    the events, and keeps the secret.
    """
    path, events = path_to(name), checked_types(types or [PROBLEMS])
    address = session.secret("URL of the webhook") if url == "-" else url
    added, secret = add(session, path, definition(address, events, filter_), yes=yes)
    show_secret(session, added, {"name": name, "to": place_of(added), "events": events, "filter": filter_}, secret)
    if secret:
        session.note("Store the secret where your receiver can read it. It isn't shown again.")
    session.note(f"Send a test event: aichats notify test {name}")


def definition(url: str, events: list[EventPattern], filter_: str | None) -> SubscriptionBody:
    """Return the definition of a subscription."""
    body: SubscriptionBody = {"url": url, "events": events}
    if filter_:
        body["filter"] = filter_
    return body


def add(session: Session, path: str, body: SubscriptionBody, *, yes: bool) -> tuple[SubscriptionView, str | None]:
    """Create or replace a subscription. Return it, with its secret if it is new.

    If the answer to the request got lost, the repeated one has no secret. Then there is a new one, because the first is
    lost.

    Raises:
        CommandError: the API rejected the definition, another client changed it meanwhile, or the person said no.
    """
    existing = existing_at(session, path)
    if existing is not None:
        session.confirm(f"{existing['name']} exists already, to {place_of(existing)}. Replace it?", yes=yes)
        fields: Any = {**existing, **body, "filter": body.get("filter"), "format": body.get("format", "standard")}
        answer = session.api.call("PUT", path, fields, headers={"If-Match": existing["etag"]})
        return answer.body, None
    answer = session.api.call("PUT", path, body, headers={"If-None-Match": "*"})
    secret = answer.body.get("secret")
    if secret is None:
        rotated: RotatedSecret = session.api.post(f"{path}/rotate").body
        secret = rotated["secret"]
    return answer.body, secret


def existing_at(session: Session, path: str) -> SubscriptionView | None:
    """Return a subscription; ``None`` if it doesn't exist."""
    from aichats_cli.api import ApiError

    try:
        found: SubscriptionView = session.api.get(path)
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return None
    return found


def show_secret(session: Session, item: Mapping[str, Any], fields: Mapping[str, object], secret: str | None) -> None:
    """Print an object with its secret, in each format: the secret can't be read again."""
    shown = {**item, "secret": secret} if secret else item
    session.output.item(shown, {**fields, "secret": secret})
    if secret and session.output.format is Format.name:
        session.note(f"Its secret: {secret}")
