"""`aichats notify test`, `rotate` and `remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.commands.notify.adding import show_secret
from aichats_cli.commands.notify.group import Name, Yes, app, path_to, place_of
from aichats_cli.complete import subscription_names
from aichats_cli.errors import CommandError
from aichats_cli.removal import delete_named
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import ReceiverTest, RotatedSecret, SubscriptionView


@command(app, "test", examples=["aichats notify test alerts"])
def test_receiver(session: Session, name: Name) -> None:
    """Send a test event now, and show what the receiver answers. Exit code 1 if it didn't accept the event."""
    result: ReceiverTest = session.api.post(path_to(name, "test")).body
    session.output.item(
        result,
        {
            "delivered": result["delivered"],
            "status": result.get("status"),
            "seconds": result.get("seconds"),
            "event": result["event_id"],
        },
        "event_id",
    )
    if not result["delivered"]:
        raise CommandError(
            f"{name} did not accept the event: {result.get('error')}",
            f"correct the receiver, or its URL, and try again: aichats notify test {name}",
        )


@command(app, "rotate", examples=["aichats notify rotate crm", "aichats notify rotate crm -o json"])
def rotate(session: Session, name: Name) -> None:
    """Create a new signing secret, and print it once. For 24 hours, deliveries have signatures of both secrets."""
    rotated: RotatedSecret = session.api.post(path_to(name, "rotate")).body
    until = session.when(rotated["previous_secret_until"])
    item = {"name": name, **rotated}
    show_secret(session, item, {"name": name, "old until": until}, rotated["secret"])
    session.note("Store the secret where your receiver can read it. It isn't shown again.")


@command(app, "remove", examples=["aichats notify remove crm", "aichats notify remove old-1 old-2 --yes"])
def remove(
    session: Session,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="The receivers.", autocompletion=subscription_names),
    ],
    *,
    yes: Yes = False,
) -> None:
    """Send no more events to receivers. Events that wait for them are dropped, and their secrets end."""
    found: list[SubscriptionView] = [session.api.get(path_to(name)) for name in dict.fromkeys(names)]
    for each in found:
        session.note(f"  {each['name']}  {place_of(each)}  {', '.join(each['events'])}")
    session.confirm(f"Remove {found[0]['name'] if len(found) == 1 else f'these {len(found)} receivers'}?", yes=yes)
    delete_named(session, found, path_to, done="removed")
