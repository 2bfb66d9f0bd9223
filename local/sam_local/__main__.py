"""Run the functions under SAM CLI, in containers (`make sam-local` and `make sam-local-api`)."""

from __future__ import annotations

import argparse
import sys

from local.console import Console
from local.sam_local.commands import invoke, serve
from local.sam_local.image import provide_engine, provide_image
from local.signals import interruptible
from local.standins.shared.command import port

DESCRIPTION = """\
Run the functions with SAM CLI, in containers as on Lambda. They call only servers on this machine.

invoke  invoke RunScheduleFunction with one event of a schedule, and show the chat that it creates
api     serve the HTTP API until a signal ends it

Needs Docker. If no container registry can be reached, local/lambda-image builds a replacement for AWS's image.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Return the exit code: for `invoke`, 0 only if the chat was created."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m local.sam_local", description=DESCRIPTION, formatter_class=layout)
    parser.add_argument("command", choices=["invoke", "api"])
    parser.add_argument("--port", type=port, default=3000, help="port of the API (default: %(default)s)")
    options = parser.parse_args(arguments)
    console = Console()

    def command() -> int:
        provide_engine()
        provide_image(console)
        return invoke(console) if options.command == "invoke" else serve(console, options.port)

    return interruptible(command)


if __name__ == "__main__":
    sys.exit(main())
