"""The commands with SAM CLI: invoke one function once, or serve the HTTP API."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from local.console import BOLD, Console, show_chat
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
STOP_HINT = "Press Ctrl-C to stop."
"""The last line before the requests: from here on the API serves."""
START_LIMIT = 30.0
"""Seconds after which a start counts as failed."""


def invoke(console: Console) -> int:
    """Build, invoke the function once, and show the chats of the mock of Whop. Return the exit code 0.

    Raises:
        LocalError: a target of the event has no chat. SAM CLI exits with 0 even if the function fails.
    """
    with callable_system(console) as system:
        account = system.emulator.environment()
        build(account)
        with sam(INVOKE, account) as process:
            process.wait()
        chats = system.chats()
    for chat in chats:
        rows = [("chat", chat["id"]), ("title", chat["title"] or ""), ("company", chat["company_id"] or "none")]
        show_chat(console, "Whop", rows)
    targets = json.loads((ROOT / EVENT).read_text())["targets"]
    if missing := without_chat(targets, chats):
        raise LocalError(
            f"the mock of Whop has no chat for {', '.join(missing)}. See the function's output above. If it could not"
            " connect, a firewall may block containers (with ufw: sudo ufw allow in on docker0)"
        )
    return 0


def serve(console: Console, port: int) -> int:
    """Build, and serve the HTTP API until a signal arrives.

    Raises:
        LocalError: the port is in use, or SAM CLI ended.
    """
    listen("127.0.0.1", port, variable="PORT").close()
    with callable_system(console) as system:
        account = system.emulator.environment()
        build(account)
        with contextlib.ExitStack() as relays, sam([*START_API, "--port", str(port)], account) as process:
            wait_until_listening(port, process)
            # A test event goes from the container of the API to the API.
            relays.enter_context(reachable_from_containers(port))
            explain(console, system, port)
            process.wait()
    raise LocalError("sam local start-api ended. See its output above")


@contextmanager
def callable_system(console: Console) -> Iterator[System]:
    """Run the whole system so that containers can call it, and write its addresses to the file for `--env-vars`."""
    with running_system(console) as system:
        text = json.dumps(variables_of_functions(system), indent=2)
        (ROOT / VARIABLES).write_text(text.replace("127.0.0.1", HOST))
        ports = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)}
        with reachable_from_containers(*ports):
            yield system


def variables_of_functions(system: System) -> dict[str, dict[str, str]]:
    """Return the environment of each deployed function, with the address of the local AWS."""
    own = {"AWS_ENDPOINT_URL": system.emulator.endpoint_url}
    deployed = variables(system.emulator.clients.functions, system.stack.outputs)
    return {name: {**values, **own} for name, values in deployed.items()}


def without_chat(targets: Iterable[str | None], chats: Iterable[dict[str, Any]]) -> list[str]:
    """Return the targets that have no chat."""
    companies = {chat["company_id"] for chat in chats}
    return [str(target) for target in targets if target not in companies]


def explain(console: Console, system: System, port: int) -> None:
    """Print the addresses, and commands to copy."""
    url = f"http://127.0.0.1:{port}"
    create = ["curl", "-i", f"{url}/chats", "-H", f"Authorization: Bearer {BEARER}"]
    body = json.dumps({"message_text": "Summarize the revenue of this week.", "company_id": "biz_A"})
    exports = [f"{name}={value}" for name, value in system.emulator.environment().items()]
    console.line()
    console.table([("HTTP API", f"{url}  token {BEARER}"), ("Whop's chats", f"{system.whop_url}/_control/state")])
    console.line()
    console.line(console.colored("Try in another terminal:", BOLD))
    console.line(f"  {shlex.join([*create, '-H', 'Content-Type: application/json', '-d', body])}")
    console.line(f"  export {shlex.join(exports)}")
    console.line(f"  {shlex.join([SAM, *INVOKE])}")
    console.line()
    console.line(STOP_HINT)


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until `sam local start-api` accepts connections.

    Raises:
        LocalError: it ended, or took longer than :data:`START_LIMIT`.
    """
    deadline = time.monotonic() + START_LIMIT
    while not is_listening(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LocalError("sam local start-api did not start. See its output above")
        time.sleep(0.05)


def is_listening(port: int) -> bool:
    """Return whether a program accepts connections on this port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
