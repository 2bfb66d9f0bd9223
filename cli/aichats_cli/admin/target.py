"""The deployed stack that a command means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aichats_cli.admin.aws import Aws
from aichats_cli.admin.deployed import DeployedStack
from aichats_cli.errors import UsageError
from aichats_cli.profiles import choose

if TYPE_CHECKING:
    from aichats_cli.session import Session

VARIABLE = "AICHATS_STACK"


def find_stack(session: Session, name: str | None) -> DeployedStack:
    """Return the stack ``name``, or else that of the profile, or else that of the variable AICHATS_STACK.

    Args:
        session: the command.
        name: what was typed as ``--stack``. An empty text is an error and not the stack of the profile.

    Raises:
        UsageError: no stack is named.
        CommandError: the profile doesn't exist.
    """
    if name is not None:
        return _named(name, "--stack is empty")
    profile = session.profile
    if profile.stack:
        is_default = profile == choose(None, session.system.variables)
        return DeployedStack(profile.stack, Aws(profile.region), "" if is_default else f"--profile {profile.name}")
    return _named(session.system.variables.get(VARIABLE, ""), "no stack is named")


def _named(name: str, problem: str) -> DeployedStack:
    if not name:
        raise UsageError(problem, "name the stack: --stack aichats-dev")
    return DeployedStack(name)
