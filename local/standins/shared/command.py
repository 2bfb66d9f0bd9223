"""The command line of every mock server."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from starlette.types import ASGIApp

from local.errors import LocalError
from local.ports import listen
from local.standins.shared.server import Server, end_on_signals

LAST_PORT = 65535


class Command(NamedTuple):
    """The properties of one mock server: ``path`` is the path of its API, ``port`` the default port."""

    module: str
    description: str
    path: str
    port: int
    create_app: Callable[..., ASGIApp]
    """Returns the application; takes the data to start with as ``state``, and the fields of ``mode``."""
    mode: Mapping[str, Sequence[str]] = MappingProxyType({})
    """Fields of the mode that options set, each with its values. The first value is the default."""


def main(command: Command, arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Return the exit code: 0, or 2 if the address or the file can't be used."""
    options = parser(command).parse_args(arguments)
    try:
        app = create(command, options)
        listener = listen(options.host, options.port)
    except LocalError as error:
        print(f"{command.module}: {error}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO if options.access_log else logging.WARNING, format="%(message)s")
    server = Server(app, access_log=options.access_log)
    end_on_signals(server)
    origin = f"http://{options.host}:{listener.getsockname()[1]}"
    print(f"{command.module}: {origin}{command.path} (control: {origin}/_control/state)", flush=True)
    server.run(sockets=[listener])
    return 0


def create(command: Command, options: argparse.Namespace) -> ASGIApp:
    """Return the application in the mode of the options, with the state of the file if there is one.

    Raises:
        LocalError: the file isn't a state of this mock server.
    """
    file: Path | None = options.state
    try:
        state = json.loads(file.read_text()) if file else None
        return command.create_app(state=state, **{name: getattr(options, name) for name in command.mode})
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise LocalError(f"can't load {file}. It must have the JSON that GET /_control/state returned") from error


def parser(command: Command) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog=f"python -m {command.module}",
        description=command.description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine)")
    made.add_argument("--port", type=port, default=command.port, help="default: %(default)s; 0 means any free port")
    made.add_argument("--state", type=Path, metavar="FILE", help="start with the data of a saved GET /_control/state")
    for name, values in command.mode.items():
        made.add_argument(
            f"--{name.replace('_', '-')}",
            choices=values,
            default=values[0],
            help=f"the mode {name} at the start and after a reset (default: %(default)s)",
        )
    made.add_argument("--access-log", action="store_true", help="print a line for each request")
    return made


def port(text: str) -> int:
    """Return the port number that a text names.

    Raises:
        argparse.ArgumentTypeError: it isn't a number from 0 to 65535.
    """
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port. Use a number from 0 to {LAST_PORT}")
    return int(text)
