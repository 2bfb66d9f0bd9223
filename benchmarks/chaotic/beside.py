"""Measure how soon a receiver that works hears of events while others beside it misbehave."""

import io
import time
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.chaotic.calls import call_api, subscribe
from benchmarks.chaotic.heard import Delivery, Heard, ends
from benchmarks.chaotic.outbox import DELIVERER
from benchmarks.chaotic.receivers import MOVED_HOST, Receivers, misbehaving
from benchmarks.chaotic.subscriber import Subscriber
from benchmarks.chaotic.table import run_items
from benchmarks.chaotic.whop import ACTION
from local.console import Console
from local.system import System, running_system

WORKING = "working"
MOST_SECONDS = 10.0
"""The longest time from an event to its delivery."""
LIMIT = 180.0
"""Seconds after which an event counts as lost."""
LOOK_EVERY = 0.5
"""Seconds between two looks at the table of runs, which take CPU from the functions."""
GROUPS = 4
"""The runs start in so many groups, so that later ones meet receivers whose failures are known."""
GROUP_SECONDS = 3.0
SUCCESSFUL = {"endless-204"}
"""Receivers that answer with a success, whatever follows it."""
NAMES = f"""\
# The network has no name whose address changes, so this replaces the resolver of the operating system for one name.
import socket

resolve = socket.getaddrinfo


def resolve_moved(host, port, *arguments, **options):
    moved = host in ("{MOVED_HOST}", b"{MOVED_HOST}")
    return resolve("127.0.0.1" if moved else host, port, *arguments, **options)


socket.getaddrinfo = resolve_moved
"""
"""A module that Python imports at its start."""


@dataclass(frozen=True)
class Beside:
    """The result for the receiver that works and for the others.

    Attributes:
        events: the number of events that the working receiver must hear of.
        lost: those that it did not hear of.
        slowest: the longest time from an event to its first delivery, in seconds.
        states: the error that each misbehaving receiver's subscription shows.
        touched: connections to addresses that must not be reached, by receiver.
    """

    events: int
    lost: Sequence[object] = field(default_factory=tuple)
    slowest: float = 0.0
    states: Mapping[str, str | None] = field(default_factory=dict)
    touched: Mapping[str, int] = field(default_factory=dict)

    @property
    def silent(self) -> list[str]:
        """The receivers whose failure no subscription shows."""
        return [name for name, error in self.states.items() if not error and name not in SUCCESSFUL]

    @property
    def errors(self) -> list[str]:
        """Everything that is wrong."""
        return [
            *(f"the working receiver did not hear of {end}" for end in self.lost),
            *([f"an event took {self.slowest:.1f} s"] if self.slowest > MOST_SECONDS else []),
            *(f"the subscription of {name} shows no error" for name in self.silent),
            *(
                f"{name}: {number} connections to an address that must not be reached"
                for name, number in self.touched.items()
                if number
            ),
        ]

    def lines(self) -> list[str]:
        """Return a line for each number, and one for each misbehaving receiver."""
        return [
            f"misbehaving receivers: {len(self.states)}",
            f"events beside them: {self.events}",
            f"lost beside them: {len(self.lost)}",
            f"silent failures: {len(self.silent)}",
            f"forbidden connections: {sum(self.touched.values())}",
            f"slowest delivery in ms: {self.slowest * 1000:.0f}",
            *(f"  {name:20} {error or 'no error'}" for name, error in self.states.items()),
        ]


def run_beside(runs: int, console: Console) -> Beside:
    """Run the system with thirteen receivers, perform the runs, and return what was heard."""
    with running_system(console) as system, misbehaving() as receivers, Subscriber() as working:
        redirect_name(system)
        with console.step("subscribe a receiver that works, and start the functions with a run"):
            working.secret = subscribe(system, WORKING, working.url)
            start(system, ["biz_first"])
            wait_for_all(system, working, 1)
        first = working.heard().events.keys()
        with console.step("subscribe twelve receivers that misbehave"):
            for name, url in receivers.urls.items():
                subscribe(system, name, url)
        with console.step(f"perform {runs} runs"):
            for number in range(min(GROUPS, runs)):
                start(system, [f"biz_{each:06d}" for each in range(number, runs, GROUPS)])
                time.sleep(GROUP_SECONDS)
        with console.step("wait until the working receiver has heard of all"):
            wait_for_all(system, working, runs + 1)
        return result(system, receivers, working.heard(), first)


def start(system: System, targets: Sequence[str]) -> None:
    """Start a run for each target."""
    call_api(system, "POST", "/runs", {"action": ACTION, "targets": targets})


def wait_for_all(system: System, working: Subscriber, runs: int) -> None:
    """Wait until the receiver has heard of the end of each run, at most for :data:`LIMIT`."""
    ends_at = time.monotonic() + LIMIT
    while time.monotonic() < ends_at:
        expected = ends(run_items(system))
        if len(expected) >= runs and not working.heard().missing(expected):
            return
        time.sleep(LOOK_EVERY)


def result(system: System, receivers: Receivers, heard: Heard, earlier: Collection[str]) -> Beside:
    """Return what the working receiver heard besides the earlier events, and what the others' subscriptions show."""
    expected, events = ends(run_items(system)), [event for name, event in heard.events.items() if name not in earlier]
    return Beside(
        events=len(events),
        lost=heard.missing(expected),
        slowest=slowest(heard.deliveries, events),
        states={name: call_api(system, "GET", f"/subscriptions/{name}").get("last_error") for name in receivers.urls},
        touched={name: each.connections for name, each in receivers.untouchable.items()},
    )


def slowest(deliveries: Sequence[Delivery], events: Iterable[Mapping[str, Any]]) -> float:
    """Return the longest time from an event to its first delivery, in seconds."""
    first = {each.id: each.at for each in reversed(deliveries)}
    times = {event["id"]: datetime.fromisoformat(event["timestamp"]).timestamp() for event in events}
    return max((first[name] - begun for name, begun in times.items()), default=0.0)


def redirect_name(system: System) -> None:
    """Let the name :data:`~benchmarks.chaotic.receivers.MOVED_HOST` have a private address in the deliverer."""
    functions, name = system.emulator.clients.functions, system.stack.outputs[DELIVERER]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("python/sitecustomize.py", NAMES)
    layer = functions.publish_layer_version(LayerName="moved-name", Content={"ZipFile": content.getvalue()})
    own = functions.get_function_configuration(FunctionName=name)["Layers"]
    layers = [*(each["Arn"] for each in own), layer["LayerVersionArn"]]
    functions.update_function_configuration(FunctionName=name, Layers=layers)
