"""`aichats dev`: the whole stack on this machine."""

from __future__ import annotations

from enum import StrEnum
from operator import itemgetter
from typing import Annotated, Any

import typer

from aichats_cli.errors import UsageError
from aichats_cli.groups import new_group
from aichats_cli.help import example_text
from aichats_cli.mocks import CREATED, SHOWN, Control, MockServer, fault_of, local_stack, on_this_machine
from aichats_cli.output import Format
from aichats_cli.session import Session, command

app = new_group(
    "Run the whole stack on your laptop until you press Ctrl-C. It needs the source code of aichats."
    " The commands below control a stack that runs in another terminal."
)


def port_option(of: str, default: int) -> Any:
    """Return the option for the port of a server."""
    return typer.Option(metavar="PORT", help=f"The port of {of}. [default: {default}]")


class Keys(StrEnum):
    """The access of API keys to the mock of Whop."""

    allowed = "allowed"
    forbidden = "forbidden"


EXAMPLES = [
    "aichats dev",
    "aichats dev --keep --port 3100",
    "aichats dev fault whop 403 --times 3",
    "aichats dev state whop",
    "aichats dev reset",
]
MockName = Annotated[MockServer, typer.Argument(metavar="whop|kodey|receiver", help="The mock server.")]


@app.callback(invoke_without_command=True, no_args_is_help=False, epilog=example_text(EXAMPLES))
def start(
    context: typer.Context,
    *,
    port: Annotated[int | None, port_option("the HTTP API", 3000)] = None,
    whop_port: Annotated[int | None, port_option("the mock of Whop", 8001)] = None,
    kodey_port: Annotated[int | None, port_option("the mock of Kodey", 8002)] = None,
    receiver_port: Annotated[int | None, port_option("the mock receiver of events", 8003)] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data over a restart.")] = False,
    keys: Annotated[Keys | None, typer.Option(help="Whether API keys may write at Whop.")] = None,
) -> None:
    """Run the whole stack, unless a command follows."""
    from aichats_cli.checkout import make

    variables = {
        "PORT": port,
        "WHOP_PORT": whop_port,
        "KODEY_PORT": kodey_port,
        "RECEIVER_PORT": receiver_port,
        "KEEP": 1 if keep else None,
        "KEYS": keys,
    }
    if context.invoked_subcommand is None:
        make("dev", variables)
    if any(value is not None for value in variables.values()):
        raise UsageError(
            f"these options start a stack: type them without {context.invoked_subcommand}",
            "to choose the stack that runs on another port: export AICHATS_URL=http://127.0.0.1:PORT",
        )


@command(
    app,
    "fault",
    examples=[
        "aichats dev fault whop 403 --times 3",
        "aichats dev fault whop 429 --method PATCH --path '/api/v1/ai_chats/*'",
        "aichats dev fault kodey drop-after",
        "aichats dev fault receiver --delay 5",
        "aichats dev fault whop --clear",
    ],
)
def add_fault(
    session: Session,
    mock: MockName,
    fault: Annotated[
        str | None,
        typer.Argument(
            metavar="FAULT",
            help="A status from 400 to 599, drop-before or drop-after (cut the connection before or after the request"
            " is performed), error-after (500 after it), malformed (an answer that is not JSON), delay:SECONDS, or"
            " late:SECONDS (cut the connection, and perform the request so many seconds later).",
        ),
    ] = None,
    *,
    times: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="How many requests fail.")] = 1,
    method: Annotated[
        str | None, typer.Option(metavar="METHOD", help="The method of the requests. [default: POST]")
    ] = None,
    path: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="The path of the requests; /* at its end means all paths below."
            " [default: that which creates a chat or delivers an event]",
        ),
    ] = None,
    delay: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Answer so much later, the same as delay:SECONDS.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove the faults that are still to come.")] = False,
) -> None:
    """Let the next requests to a mock server fail."""
    if delay is not None:
        if fault is not None:
            raise UsageError(f"a request has one fault, not {fault} and a delay", "add two faults, one after the other")
        fault = f"delay:{delay:g}"
    if fault is None and not clear:
        raise UsageError("name a fault, such as 403, or --clear", "aichats dev fault --help")
    control, requests = Control(session, mock), CREATED[mock]
    armed = control.add() if clear else []
    if fault is not None:
        named = {"method": (method or requests.method).upper(), "path": path or requests.path}
        armed = control.add({**named, "times": times, "fault": fault_of(fault)})
    columns = {name: itemgetter(name) for name in ("fault", "times", "method", "path")}
    session.output.items(armed, columns, "fault", empty=f"the mock server {mock} has no faults to come")


@command(app, "state", examples=["aichats dev state whop", "aichats dev state receiver -o json"])
def show_state(session: Session, mock: MockName) -> None:
    """Show the chats or the events of a mock server. JSON has all of its data, and the requests that it received."""
    state, (part, name, columns) = Control(session, mock).state(), SHOWN[mock]
    if session.output.format in {Format.json, Format.yaml}:
        session.output.data(state)
        return
    session.output.items(state[part], columns, name, empty=f"the mock server {mock} has nothing yet")
    session.note(f"Requests that it received: {len(state['requests'])}. To see them: aichats dev state {mock} -o json")


@command(app, "reset", examples=["aichats dev reset"])
def reset(session: Session) -> None:
    """Empty the mock servers: chats, files, deliveries, faults and grants. Automations and runs of your stack stay.

    A Whop account that you connected must be connected again. To forget automations and runs too, start the stack
    again without --keep.
    """
    here = on_this_machine(session)
    mocks = local_stack(here).mocks
    here.api.post("/_local/reset")
    session.output.items([{"name": name} for name in mocks], {"emptied": lambda each: each["name"]})
