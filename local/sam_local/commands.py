"""What can be done with SAM CLI here: run one function once, or serve the HTTP API."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from local.console import BOLD, Console
from local.env_vars import variables
from local.errors import LocalError
from local.ports import listen
from local.sam_local.relay import ADD_HOST, HOST, reachable_from_containers
from local.sam_local.sam import SAM, build, sam
from local.setup import ROOT
from local.system import BEARER, System, running_system

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator

EVENT = "events/schedule/create_chat.json"
VARIABLES = ".local/sam-local.json"
IN_CONTAINERS = ["--env-vars", VARIABLES, *ADD_HOST, "--skip-pull-image"]
INVOKE = ["local", "invoke", "RunScheduleFunction", "-e", EVENT, *IN_CONTAINERS]
START_API = ["local", "start-api", "--warm-containers", "LAZY", *IN_CONTAINERS]
START_LIMIT = 30.0
"""Seconds until a start counts as failed."""


def invoke(console: Console) -> int:
    """Build, run the function once, and show the chats that the stand-in of Whop holds then.

    Raises:
        LocalError: a target of the event has no chat. SAM CLI cannot tell: it exits with 0 even if the function fails.
    """
    with callable_system(console) as system:
        account = system.emulator.environment()
        build(account)
        with sam(INVOKE, account) as process:
            process.wait()
        chats = system.chats()
    show(console, chats)
    targets = json.loads((ROOT / EVENT).read_text())["targets"]
    if missing := without_chat(targets, chats):
        raise LocalError(
            f"the stand-in of Whop holds no chat for {', '.join(missing)}; what the function said is above. If it could"
            " not connect, a firewall may keep containers from this machine (ufw: sudo ufw allow in on docker0)"
        )
    return 0


def serve(console: Console, port: int) -> int:
    """Build, and serve the HTTP API until a signal comes.

    Raises:
        LocalError: the port is taken, or SAM CLI ended by itself.
    """
    listen("127.0.0.1", port, variable="PORT").close()
    with callable_system(console) as system:
        account = system.emulator.environment()
        build(account)
        with sam([*START_API, "--port", str(port)], account) as process:
            wait_until_listening(port, process)
            explain(console, system, port)
            process.wait()
    raise LocalError("sam local start-api ended by itself; what it said is above")


@contextmanager
def callable_system(console: Console) -> Iterator[System]:
    """The whole system, which containers can call; the file for `--env-vars` tells the functions where it is."""
    with running_system(console) as system:
        text = json.dumps(variables_of_functions(system), indent=2)
        (ROOT / VARIABLES).write_text(text.replace("127.0.0.1", HOST))
        ports = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)}
        with reachable_from_containers(*ports):
            yield system


def variables_of_functions(system: System) -> dict[str, dict[str, str]]:
    """The environment of each function, as it is deployed, and where the local AWS is."""
    own = {"AWS_ENDPOINT_URL": system.emulator.endpoint_url}
    deployed = variables(system.emulator.clients.functions, system.stack.outputs)
    return {name: {**values, **own} for name, values in deployed.items()}


def without_chat(targets: Iterable[str | None], chats: Iterable[dict[str, Any]]) -> list[str]:
    """The targets for which there is no chat."""
    companies = {chat["company_id"] for chat in chats}
    return [str(target) for target in targets if target not in companies]


def show(console: Console, chats: Iterable[dict[str, Any]]) -> None:
    """The chats, for people."""
    for chat in chats:
        console.line()
        console.line(console.coloured("The stand-in of Whop holds:", BOLD))
        console.table([("chat", chat["id"]), ("title", chat["title"] or ""), ("company", chat["company_id"] or "none")])


def explain(console: Console, system: System, port: int) -> None:
    """What is where, and commands to copy."""
    url = f"http://127.0.0.1:{port}"
    create = ["curl", "-i", f"{url}/chats", "-H", f"Authorization: Bearer {BEARER}"]
    body = json.dumps({"message_text": "Summarise the revenue of this week.", "company_id": "biz_A"})
    exports = [f"{name}={value}" for name, value in system.emulator.environment().items()]
    console.line()
    console.table([("HTTP API", f"{url}  token {BEARER}"), ("Whop's chats", f"{system.whop_url}/_control/state")])
    console.line()
    console.line(console.coloured("Try, in another terminal:", BOLD))
    console.line(f"  {shlex.join([*create, '-H', 'Content-Type: application/json', '-d', body])}")
    console.line(f"  export {shlex.join(exports)}")
    console.line(f"  {shlex.join([SAM, *INVOKE])}")
    console.line()
    console.line("Ctrl-C ends it all.")


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once `sam local start-api` takes connections.

    Raises:
        LocalError: it ended, or it took too long.
    """
    deadline = time.monotonic() + START_LIMIT
    while not is_listening(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LocalError("sam local start-api did not start; what it said is above")
        time.sleep(0.05)


def is_listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
