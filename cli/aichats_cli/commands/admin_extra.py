"""Parts that all commands of `aichats admin` share: `--stack`, the check of the extra, and the end by a signal."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Concatenate

import typer

from aichats_cli.errors import CommandError
from aichats_cli.session import Session, command
from aichats_cli.signals import SignalledError, ended_by_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack", metavar="STACK", help="The name of the stack. [default: that of the profile, else AICHATS_STACK]"
    ),
]
INSTALL = "install it: pip install 'aichats-cli[admin]', or type: uvx --from 'aichats-cli[admin]' aichats admin …"
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def admin_command[**P](
    app: typer.Typer, name: str, *, examples: Sequence[str] = ()
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Add a function as a command for administrators. It imports the packages of the extra `admin` when it is called.

    Signals end its ``with`` blocks, because a command that is interrupted between two calls must undo the first one.
    """

    def register(function: Callable[Concatenate[Session, P], None]) -> Callable[Concatenate[Session, P], None]:
        @functools.wraps(function)
        def guarded(session: Session, /, *arguments: P.args, **options: P.kwargs) -> None:
            try:
                with ended_by_signals():
                    function(session, *arguments, **options)
            except SignalledError as signalled:
                raise SystemExit(128 + signalled.number) from None
            except Exception as error:
                if (shown := _shown(error)) is None:
                    raise
                raise shown from error

        return command(app, name, examples=examples)(guarded)

    return register


def _shown(error: Exception) -> CommandError | None:
    """Return the error to show in place of a missing package, or of an error of AWS or a provider; ``None``: itself.

    The packages may be missing, so the classes of the errors are known by the names of their modules only.
    """
    package = str(getattr(error, "name", "")).partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and package != "aichats_cli":
        return CommandError(f"aichats admin needs the extra `admin`: the package {package} is missing", INSTALL)
    modules = {each.__module__.partition(".")[0] for each in type(error).__mro__}
    return CommandError(str(error)) if modules & {"aichats", "botocore"} else None
