"""The deployed stack that a command means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aichats_cli.admin.aws import Aws
from aichats_cli.admin.deployed import DeployedStack
from aichats_cli.errors import CommandError, UsageError
from aichats_cli.local_stack import describe, is_on_this_machine

if TYPE_CHECKING:
    from aichats_cli.session import Session

VARIABLE = "AICHATS_STACK"


def find_stack(session: Session, name: str | None) -> DeployedStack:
    """Return the stack ``name``, or else that of the profile, or else that of the variable AICHATS_STACK.

    A profile for an address of this machine means the stack of `aichats dev`, with its local AWS.

    Args:
        session: the command.
        name: what was typed as ``--stack``. An empty text is an error and not the stack of the profile.

    Raises:
        UsageError: no stack is named.
        CommandError: the profile doesn't exist, or its local stack doesn't run.
    """
    if name is not None:
        return _named(session, name, "--stack is empty")
    profile, options = session.profile, f"--profile {session.profile_name}" if session.profile_name else ""
    if profile.stack:
        return DeployedStack(profile.stack, Aws(profile.region), options)
    variable = session.system.variables.get(VARIABLE, "")
    if is_on_this_machine(profile) and (session.profile_name or not variable):
        local = describe(session)
        aws = Aws(local.region, local.endpoint_url, local.access_key_id, local.secret_access_key)
        return DeployedStack(local.stack, aws, options)
    return _named(session, variable, "no stack is named")


def _named(session: Session, name: str, problem: str) -> DeployedStack:
    if not name:
        raise UsageError(problem, "name the stack: --stack aichats-dev")
    return DeployedStack(name, Aws(_region_of(session, name)))


def _region_of(session: Session, name: str) -> str | None:
    """Return the region of the stack if the profile knows it. A stack that was named needs no profile."""
    try:
        profile = session.profile
    except CommandError:
        return None
    return profile.region if profile.stack == name else None
