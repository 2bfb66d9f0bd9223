"""The profile, the API and the output of a command, and the options that all commands have."""

from __future__ import annotations

import inspect
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Concatenate

import typer

from aichats_cli.complete import profile_names
from aichats_cli.errors import CommandError, UsageError
from aichats_cli.help import LeanCommand, example_text
from aichats_cli.output import Format, Output, note_lines
from aichats_cli.profiles import Profile, choose, is_exposed
from aichats_cli.system import System

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo
    from zoneinfo import ZoneInfo

    from aichats_cli.api import Api


class Session:
    """The profile, the API and the output of one command."""

    def __init__(
        self, system: System, profile: str | None = None, form: Format = Format.table, *, debug: bool = False
    ) -> None:
        self.system = system
        self.profile_name = profile
        """The name that was typed after ``--profile``."""
        self._debug = debug or bool(system.variables.get("AICHATS_DEBUG"))
        self.output = Output(form, system.stdout, system.variables, system.stderr)

    @cached_property
    def profile(self) -> Profile:
        """The chosen profile.

        Raises:
            CommandError: the profile doesn't exist, or the file of the profiles can't be read.
        """
        return choose(self.profile_name, self.system.variables)

    @property
    def is_profile_named(self) -> bool:
        """True if an option or a variable names the profile. If not, it is that of the last login."""
        variables = self.system.variables
        return bool(self.profile_name or variables.get("AICHATS_PROFILE") or variables.get("AICHATS_URL"))

    def with_profile(self, name: str) -> Session:
        """Return this session with another profile."""
        return Session(self.system, name, self.output.format, debug=self._debug)

    @cached_property
    def api(self) -> Api:
        """The HTTP API of the profile's stack."""
        return self.api_of(self.profile)

    def api_of(self, profile: Profile) -> Api:
        """Return the HTTP API of a profile's stack. Warn if others on the network could read the token."""
        from aichats_cli.api import Api  # 60 ms

        if profile.token and is_exposed(profile.url):
            self.note(f"warning: {profile.url} is not encrypted, so others on the network can read your token")
        return Api(profile, self.system, trace=self.note if self._debug else None)

    def secret(self, prompt: str) -> str:
        """Return a secret that a person types without an echo, or the first line of standard input in a pipe.

        Raises:
            UsageError: nothing was typed, or nothing came.
        """
        if self.system.stdin.isatty():
            try:
                value = self.system.hidden(f"{prompt}: ").strip()
            except EOFError:  # Ctrl-D
                self.note("")
                value = ""
        else:
            value = self.system.stdin.readline().strip()
        if not value:
            raise UsageError(f"{prompt}: nothing was typed", "type it when asked, or pipe it into the command")
        return value

    @cached_property
    def zone(self) -> ZoneInfo | None:
        """The time zone of this machine; ``None`` if the operating system doesn't name it."""
        from aichats_cli.zones import machine_zone

        return self.system.zone or machine_zone(self.system.variables)

    def past(self, text: str) -> str:
        """Return the time that a text means, such as `yesterday` or `7d`, as the API reads it.

        Raises:
            UsageError: the text isn't a time.
        """
        from aichats_cli.dates import read_past

        return read_past(text, self.now()).isoformat(timespec="seconds")

    def future(self, text: str, zone: tzinfo | None = None) -> str:
        """Return the time that a text means, such as `mon 9:00` or `in 3h`, as the API reads it.

        Args:
            text: the text.
            zone: the time zone in which the text is meant; ``None``: that of this machine.

        Raises:
            UsageError: the text isn't a time.
        """
        from aichats_cli.dates import read_future

        return read_future(text, self.now(zone)).isoformat(timespec="seconds")

    def when(self, text: str | None) -> str:
        """Return a time of the API as people read it, such as `Mon 30 Nov 08:30`, in the zone of this machine.

        A time in another year has its year. ``None`` is an empty text.
        """
        if text is None:
            return ""
        now = self.now()
        read = datetime.fromisoformat(text).astimezone(now.tzinfo)
        return f"{read:%a} {read.day} {read:%b}{'' if read.year == now.year else f' {read.year}'} {read:%H:%M}"

    def now(self, zone: tzinfo | None = None) -> datetime:
        """Return the time in a time zone, by default that of this machine.

        Differences between such times are wrong when the clocks change. To measure, use ``system.now``, which is UTC.
        """
        return self.system.now().astimezone(zone or self.zone)

    def note(self, text: str) -> None:
        """Print a line for the person, not for a pipe: to standard error."""
        print(note_lines(text, self.system.stderr, self.system.variables), file=self.system.stderr, flush=True)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something is destroyed, unless ``yes`` was typed.

        Raises:
            CommandError: the answer isn't yes.
            UsageError: standard input isn't a terminal.
        """
        if yes:
            return
        if not self.system.stdin.isatty():
            raise UsageError(f"{question} You can't answer here, without a terminal", "add --yes to the command")
        if self.answer(f"{question} [y/N] ").lower() not in {"y", "yes"}:
            raise CommandError("stopped: nothing was changed")

    def answer(self, question: str) -> str:
        """Return what a person types at the terminal after a question: nothing after Ctrl-D."""
        print(question, end="", file=self.system.stderr, flush=True)
        line = self.system.stdin.readline()
        if not line.endswith("\n"):
            self.note("")
        return line.strip()


def common(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", metavar="NAME", help="The stack to use; see `aichats profiles`.", autocompletion=profile_names
        ),
    ] = None,
    output: Annotated[
        Format, typer.Option("--output", "-o", metavar="FORMAT", help="table, json, yaml or name.")
    ] = Format.table,
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the requests and the responses.")] = False,
) -> None:
    """Name the options that all commands have."""


def command[**P](
    app: typer.Typer, name: str | None = None, *, examples: Sequence[str] = (), **settings: Any
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Add a function as a command. The command also has the options of :func:`common`, which make its session.

    Args:
        app: the group of the command.
        name: the command's name.
        examples: lines to type, for the help.
        settings: what `typer.Typer.command` takes.
    """

    def register(function: Callable[Concatenate[Session, P], None]) -> Callable[Concatenate[Session, P], None]:
        shared = inspect.signature(common, eval_str=True).parameters
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        body: Callable[..., None] = function

        def run(context: typer.Context, **options: Any) -> None:
            profile, form, debug = (options.pop(key) for key in shared)
            body(Session(context.obj or System(), profile, form, debug=debug), **options)

        of_context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        keywords = [
            of_context,
            *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *shared.values())),
        ]
        run.__dict__["__signature__"] = inspect.Signature(keywords)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in keywords}
        text = (inspect.getdoc(function) or "").partition("\n\nArgs:")[0].partition("\n\nRaises:")[0]
        app.command(name, cls=LeanCommand, help=text, epilog=example_text(examples), **settings)(run)
        return function

    return register
