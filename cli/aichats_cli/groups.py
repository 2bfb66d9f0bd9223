"""Groups of commands. Each is imported when one of its commands is used, because each import slows every start."""

from __future__ import annotations

import importlib
from typing import Any, override

import typer

from aichats_cli.help import LeanCommand, LeanGroup

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
SECTIONS = {
    "Everyday": {
        "status": ("aichats_cli.commands.status", "Show automations, runs and pauses at a glance."),
        "auto": ("aichats_cli.commands.auto", "List, create, run and pause automations."),
        "runs": ("aichats_cli.commands.runs", "List, watch, explain, replay and cancel runs."),
        "chats": ("aichats_cli.commands.chats", "Create, list, mute and delete chats."),
        "files": ("aichats_cli.commands.files", "Upload files that chats can attach."),
        "events": ("aichats_cli.commands.events", "Send test events of Whop, and follow the events of aichats."),
        "notify": ("aichats_cli.commands.notify", "Send events of aichats to Slack, a webhook or an event bus."),
        "usage": ("aichats_cli.commands.usage", "Show runs, replies and tokens by day, automation or target."),
        "logs": ("aichats_cli.commands.logs", "Show and follow the logs of the functions."),
        "open": ("aichats_cli.commands.open", "Open a page of your stack in the browser."),
    },
    "Automations as code": {
        "init": ("aichats_cli.commands.init", "Begin a folder of automations, with two samples."),
        "validate": ("aichats_cli.commands.validate", "Check a folder of automations."),
        "plan": ("aichats_cli.commands.plan", "Show what `aichats apply` would change."),
        "apply": ("aichats_cli.commands.apply", "Make a stack equal to a folder of automations."),
        "export": ("aichats_cli.commands.export", "Write the automations of a stack to their files."),
    },
    "Your machine": {
        "dev": ("aichats_cli.commands.dev", "Run the whole stack on your laptop. Control its mocks."),
        "demo": ("aichats_cli.commands.demo", "Run a short demo of the whole stack on your laptop."),
        "login": ("aichats_cli.commands.login", "Store the address and the token of a stack as a profile."),
        "profiles": ("aichats_cli.commands.login", "List the stacks that you can use."),
        "use": ("aichats_cli.commands.login", "Choose the profile that commands use by default."),
        "logout": ("aichats_cli.commands.login", "Remove a profile and its token from this machine."),
        "completion": ("aichats_cli.commands.completion", "Print the script with which your shell completes commands."),
    },
    "Your stack on AWS": {
        "admin": ("aichats_cli.commands.admin", "Connect, repair and deploy a stack on AWS."),
    },
}
"""The commands and groups below `aichats` as its help lists them: the module of each, and its line.

A module that has a command of this name provides this command, any other module a group.
"""
PARTS = {name: part for parts in SECTIONS.values() for name, part in parts.items()}


class Root(LeanGroup):
    """The command `aichats`. In its help, and until a group is used, each group is its name and one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands.update({name: LeanCommand(name, help=text) for name, (_, text) in PARTS.items()})

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name of a command, the imported command, and the arguments after its name."""
        name, stub, rest = super().resolve_command(ctx, args)
        return name, stub if name is None else imported(name), rest

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        return list(PARTS)

    @override
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, in sections."""
        width = max(map(len, PARTS))
        for title, parts in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, (_, text) in parts.items()])


def new_group(text: str, *, cls: type[LeanGroup] = LeanGroup) -> typer.Typer:
    """Return a group of commands with this help."""
    group = typer.Typer(
        help=text,
        cls=cls,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=SETTINGS,
    )
    group.callback()(no_options)  # Without a callback, Typer makes a group of one command to this command.
    return group


def arrange(group: typer.Typer, *names: str) -> None:
    """Put the commands of a group into the order in which people look for them. Others come last."""
    group.registered_commands.sort(key=lambda each: names.index(each.name) if each.name in names else len(names))


def no_options() -> None:
    """Do nothing: a group has no options of its own."""


def imported(name: str) -> Any:
    """Return a group or a command below `aichats`."""
    module, _ = PARTS[name]
    found: Any = typer.main.get_command(importlib.import_module(module).app)
    return found.commands.get(name, found)
