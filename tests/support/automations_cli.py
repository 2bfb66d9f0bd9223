"""Automations for the tests of `aichats auto`, which are created by the command."""

import json

import httpx

from tests.support.cli import Cli, Result
from tests.support.fakes import Json

WEEKDAYS = ("--every", "weekday", "--at", "08:30", "--tz", "Europe/Berlin")
DUNNING = ("--event", "payment.failed", "--message", "{{ event.data.id }} failed", "--for", "biz_A")


def create(cli: Cli, name: str, *options: str, message: str = "Sum up {{ slot.date }}") -> Result:
    """Create an automation, by default for weekdays. The test fails if it can't be created."""
    trigger = options if {"--every", "--on", "--schedule", "--event"} & set(options) else (*WEEKDAYS, *options)
    text = () if "--message" in options else ("--message", message)
    created = cli("auto", "create", name, *trigger, *text)
    assert created.code == 0, created.err
    return created


def definition(cli: Cli, name: str) -> Json:
    """Return what was stored, as it was sent."""
    request = httpx.Request("GET", f"https://api.example/automations/{name}?view=input", headers=authorization(cli))
    stored: Json = json.loads(cli.answer(request).content)
    return stored


def authorization(cli: Cli) -> dict[str, str]:
    """Return the header with the token of the command."""
    return {"Authorization": f"Bearer {cli.variables['AICHATS_TOKEN']}"}


def work_when_asked(cli: Cli) -> None:
    """Let the stack perform its runs whenever the command looks at one."""

    def work(request: httpx.Request) -> None:
        if request.method == "GET" and request.url.path.startswith("/runs/"):
            cli.stack.work()

    cli.interfere = work


def sent(cli: Cli) -> list[str]:
    """Return the method and the path of each request."""
    return [f"{request.method} {request.url.path}" for request in cli.requests]
