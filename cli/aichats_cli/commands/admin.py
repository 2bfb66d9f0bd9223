"""`aichats admin`: commands for a deployed stack. They need AWS credentials, and the extra `admin`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.commands.admin_callers import app as callers
from aichats_cli.commands.admin_extra import StackOption, Yes, admin_command
from aichats_cli.errors import UsageError
from aichats_cli.groups import new_group
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Sequence

app = new_group("Connect, repair and deploy a stack on AWS.")
secret = new_group("Store the secrets of a stack.")

Connection = Annotated[
    str | None, typer.Option(metavar="NAME", help="The name of the connection. `default` serves all companies.")
]
MAX_WAIT_SECONDS = 86_400


@admin_command(
    app,
    "connect",
    examples=[
        "aichats admin connect --client-id app_XXXXX",
        "aichats admin connect --client-id app_XXXXX --company biz_A --stack aichats-dev",
    ],
)
def connect(
    session: Session,
    *,
    client_id: Annotated[str, typer.Option(metavar="APP_ID", help="The ID of your app at Whop, app_...")],
    connection: Connection = None,
    company: Annotated[
        str | None, typer.Option(metavar="BIZ_ID", help="The company to which the access is limited.")
    ] = None,
    port: Annotated[
        int,
        typer.Option(metavar="PORT", min=1, max=65_535, help="The port of the redirect address that you registered."),
    ] = 8913,
    timeout: Annotated[
        int, typer.Option(metavar="SECONDS", min=1, max=MAX_WAIT_SECONDS, help="The longest wait for your consent.")
    ] = 300,
    stack: StackOption = None,
) -> None:
    """Connect a Whop account in the browser, so that aichats acts for its user. aichats renews the access."""
    from aichats_cli.admin import connect as connecting
    from aichats_cli.admin.target import find_stack

    request = connecting.Request(client_id, connection, company, port, timeout)
    request.check()
    connecting.connect(session, find_stack(session, stack), request)


@admin_command(
    app, "disconnect", examples=["aichats admin disconnect", "aichats admin disconnect --connection agency --yes"]
)
def disconnect(
    session: Session,
    *,
    connection: Connection = None,
    force: Annotated[
        bool, typer.Option("--force", help="Empty the secret even if Whop can't revoke the access.")
    ] = False,
    yes: Yes = False,
    stack: StackOption = None,
) -> None:
    """Disconnect a Whop account: revoke its access at Whop, and empty its secret."""
    from aichats_cli.admin import disconnect as disconnecting
    from aichats_cli.admin.target import find_stack

    disconnecting.disconnect(session, find_stack(session, stack), connection, force=force, yes=yes)


app.add_typer(secret, name="secret")


@admin_command(
    secret,
    "set",
    examples=[
        "aichats admin secret set whop --company biz_A",
        "aichats admin secret set whop --companies keys.csv",
        "aichats admin secret set webhook --stack aichats-dev",
    ],
)
def set_secret(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="whop|kodey|webhook|events", help="The secret to store.")],
    *,
    company: Annotated[
        str | None, typer.Option(metavar="BIZ_ID", help="The company that gets a key of its own.")
    ] = None,
    connection: Annotated[
        str | None, typer.Option(metavar="NAME", help="The connection that the company uses instead of a key.")
    ] = None,
    companies: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The keys of many companies: lines of biz_...,key or a JSON object; - reads standard input.",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove companies that are not in the file, or replace the key of events.")
    ] = False,
    verify: Annotated[bool, typer.Option(help="Store a key only if the provider accepts it.")] = True,
    stack: StackOption = None,
) -> None:
    """Store a secret. You type its value without echo, or pipe it in.

    The secret webhook keeps the 2 newest values, so that during a rotation the old one stays valid until you add the
    next. For events, a random key is generated if there is none. A secret has at most 64 KB, about 600 companies.
    """
    from aichats_cli.admin import secret as secrets
    from aichats_cli.admin.target import find_stack

    choice = secrets.Choice(name, company, connection, companies, replace=replace, verify=verify)
    choice.check()
    secrets.set_secret(session, find_stack(session, stack), choice)


app.add_typer(callers, name="callers")


@admin_command(
    app,
    "webhook",
    examples=["aichats admin webhook", "aichats admin webhook --replay 2h", "aichats admin webhook --replace"],
)
def register_webhook(
    session: Session,
    *,
    company: Annotated[str | None, typer.Option(metavar="BIZ_ID", help="The company whose webhook it is.")] = None,
    replay: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Also let Whop send the deliveries of this time again, such as 2h."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove the event types that no automation listens for.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete the webhook and register a new one, with a new secret.")
    ] = False,
    stack: StackOption = None,
) -> None:
    """Register the stack's webhook at Whop, with the event types that your enabled automations listen for.

    The second time, the command changes nothing. Deliveries that Whop sends again start no second run. The API key in
    the secret whop needs the permission developer:manage_webhook.
    """
    from aichats_cli.admin import webhook
    from aichats_cli.admin.target import find_stack

    age = None if replay is None else webhook.age_of(replay)
    webhook.synchronize(session, find_stack(session, stack), webhook.Wanted(company, age, prune=prune, replace=replace))


@admin_command(app, "redrive", examples=["aichats admin redrive", "aichats admin redrive --stack aichats-dev"])
def redrive(session: Session, *, stack: StackOption = None) -> None:
    """Retry dead letters and failed events, after you fixed their cause.

    A run is performed once, even if its message or event arrives several times. Messages that can't be read stay.
    """
    from aichats_cli.admin.redrive import redrive_all
    from aichats_cli.admin.target import find_stack

    redrive_all(session, find_stack(session, stack))


@admin_command(app, "doctor", examples=["aichats admin doctor", "aichats admin doctor --stack aichats-dev -o json"])
def doctor(session: Session, *, stack: StackOption = None) -> None:
    """Look at everything that can be wrong with a stack, and say what to type. It changes nothing.

    The exit code is 1 if a line begins with FAIL. Lines that begin with warn may need your attention.
    """
    from aichats_cli.admin.doctor.examine import examine
    from aichats_cli.admin.target import find_stack

    if not examine(session, find_stack(session, stack)):
        raise typer.Exit(1)


@command(
    app,
    "deploy",
    examples=[
        "aichats admin deploy",
        "aichats admin deploy --env prod --parameter AlarmEmail=you@example.com",
        'aichats admin deploy --parameter "Message=What\'s new?"',
    ],
)
def deploy(
    _session: Session,
    *,
    env: Annotated[
        str | None, typer.Option(metavar="NAME", help="The environment in samconfig.toml. [default: default]")
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter to set. Repeat it for more.")
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option(metavar="NAME=TABLE", help="A restored table to take over, such as RunsTable=…")
    ] = None,
) -> None:
    """Deploy the stack to your AWS account, from the source code of aichats. The first time, it asks a few questions.

    A stack keeps a parameter until you set it again.
    """
    from aichats_cli.checkout import make

    make(
        "deploy",
        {"ENV": env, "PARAMETERS": assignments("--parameter", parameter), "TABLES": assignments("--table", table)},
    )


def assignments(option: str, typed: Sequence[str] | None) -> str | None:
    """Return what was typed as one text for Make, in which each word is quoted: ``None`` if nothing was typed.

    Raises:
        UsageError: a word has no ``=``.
    """
    for word in typed or []:
        if not word.partition("=")[0] or "=" not in word:
            raise UsageError(f"{option} must be NAME=VALUE, not {word!r}")
    return shlex.join(typed).replace("$", "$$") if typed else None


@admin_command(app, "remove", examples=["aichats admin remove aichats-dev", "aichats admin remove aichats-dev --yes"])
def remove(
    session: Session,
    stack: Annotated[str, typer.Argument(metavar="STACK", help="The name of the stack, such as aichats-dev.")],
    *,
    yes: Yes = False,
) -> None:
    """Delete a stack on AWS, after you typed its name. Its tables and secrets are kept.

    A new stack of the same name takes them over. docs/how-to/remove-a-stack.md says how to delete them too.
    """
    from aichats_cli.admin import remove as removing
    from aichats_cli.admin.target import find_stack

    removing.remove(session, find_stack(session, stack), yes=yes)
