"""The command line that every stand-in has."""

import argparse
import logging
import sys
from collections.abc import Callable
from typing import NamedTuple

from starlette.types import ASGIApp

from local.errors import LocalError
from local.ports import listen
from local.standins.shared.server import Server, end_on_signals

LAST_PORT = 65535


class Command(NamedTuple):
    """What a provider's stand-in says about itself; ``path`` is where its API begins."""

    module: str
    description: str
    path: str
    port: int
    create_app: Callable[[], ASGIApp]


def main(command: Command, arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit code: 0, or 2 if the address cannot be had."""
    options = parser(command).parse_args(arguments)
    try:
        listener = listen(options.host, options.port)
    except LocalError as error:
        print(f"{command.module}: {error}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO if options.access_log else logging.WARNING, format="%(message)s")
    server = Server(command.create_app(), access_log=options.access_log)
    end_on_signals(server)
    origin = f"http://{options.host}:{listener.getsockname()[1]}"
    print(f"{command.module}: {origin}{command.path} (control: {origin}/_control/state)", flush=True)
    server.run(sockets=[listener])
    return 0


def parser(command: Command) -> argparse.ArgumentParser:
    """The options of the command line."""
    made = argparse.ArgumentParser(
        prog=f"python -m {command.module}",
        description=command.description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s: for this machine alone)")
    made.add_argument("--port", type=port, default=command.port, help="%(default)s unless given; 0: any free one")
    made.add_argument("--access-log", action="store_true", help="print a line for each request")
    return made


def port(text: str) -> int:
    """A port number.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to {LAST_PORT}")
    return int(text)
