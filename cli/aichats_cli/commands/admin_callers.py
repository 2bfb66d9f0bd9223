"""`aichats admin callers`: the API clients of a stack, and their tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from aichats_cli.commands.admin_extra import StackOption, Yes, admin_command
from aichats_cli.groups import new_group
from aichats_cli.session import Session

app = new_group("Create and revoke the tokens of API clients.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The API client's name in the logs, such as crm.")]
Expires = Annotated[
    str | None, typer.Option(metavar="TIME", help="The end of the new token: 90d, 2027-01-31 or never.")
]


@admin_command(
    app,
    "add",
    examples=[
        "aichats admin callers add crm --scopes chats:read,chats:write --expires 90d",
        "aichats admin callers add agency --scopes runs:read --companies biz_A,biz_B",
    ],
)
def add_caller(
    session: Session,
    name: Name,
    *,
    scopes: Annotated[str, typer.Option(metavar="SCOPES", help="What it may do, such as chats:read,chats:write.")],
    companies: Annotated[
        str | None, typer.Option(metavar="BIZ_IDS", help="The only companies that it reaches, such as biz_A,biz_B.")
    ] = None,
    expires: Expires = None,
    stack: StackOption = None,
) -> None:
    """Create an API client and print its token, which is shown only once."""
    from aichats_cli.admin import callers
    from aichats_cli.admin.target import find_stack

    found = find_stack(session, stack)
    callers.add_caller(session, found, name, scopes=scopes, companies=companies, expires=expires)


@admin_command(app, "list", examples=["aichats admin callers list", "aichats admin callers list -o name"])
def list_callers(session: Session, *, stack: StackOption = None) -> None:
    """List the API clients with their scopes, the ends of their tokens, and their last use."""
    from aichats_cli.admin.caller_list import show_callers
    from aichats_cli.admin.target import find_stack

    show_callers(session, find_stack(session, stack))


@admin_command(
    app,
    "rotate",
    examples=["aichats admin callers rotate crm", "aichats admin callers rotate crm --grace 2h --expires 90d"],
)
def rotate_caller(
    session: Session,
    name: Name,
    *,
    expires: Expires = None,
    grace: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long the old token stays valid, such as 2h. [default: 24h]")
    ] = None,
    stack: StackOption = None,
) -> None:
    """Print a new token for an API client. The old token stays valid for a while.

    The scopes and the companies stay. To change them, revoke the API client and create it again.
    """
    from aichats_cli.admin import callers
    from aichats_cli.admin.target import find_stack

    callers.rotate_caller(session, find_stack(session, stack), name, expires=expires, grace=grace)


@admin_command(app, "finish", examples=["aichats admin callers finish crm"])
def finish_rotation(session: Session, name: Name, *, stack: StackOption = None) -> None:
    """End the old token of a rotation early."""
    from aichats_cli.admin import callers
    from aichats_cli.admin.target import find_stack

    callers.finish_rotation(session, find_stack(session, stack), name)


@admin_command(app, "revoke", examples=["aichats admin callers revoke crm", "aichats admin callers revoke crm --yes"])
def revoke_caller(
    session: Session,
    name: Name,
    *,
    yes: Yes = False,
    stack: StackOption = None,
) -> None:
    """Delete an API client. Its token ends within 5 minutes."""
    from aichats_cli.admin import callers
    from aichats_cli.admin.target import find_stack

    callers.revoke_caller(session, find_stack(session, stack), name, yes=yes)
