"""The whole system with proxies for the functions' calls and with short times."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx

from benchmarks.chaotic.faults import Chaos
from benchmarks.chaotic.proxy import Proxy
from benchmarks.chaotic.scenario import LIST_LAG, NO_LIMIT, SETTLE_SECONDS, Scenario
from local.console import Console
from local.system import System, running_system

FUNCTIONS = (
    "RunScheduleFunction",
    "HttpApiFunction",
    "PerformRunsFunction",
    "PerformSlowRunsFunction",
    "SweepRunsFunction",
)
QUEUES = ("RunQueue", "SlowRunQueue")
FUNCTION_SECONDS = 10
"""The shortest time limit of the functions. The lease of a killed function is five seconds longer."""
STARTS = 3
"""Number of starts that fit into the time limit. A function that is killed while it starts would never get on."""
AFTERWARDS = 15
"""Seconds from the time limit until the message of a killed function returns, as in the template: the lease and the
settle time are over by then."""
BATCHES_AT_ONCE = 10
"""Maximum number of concurrent batches. Each needs a process, which takes about one second of CPU to start."""
RUNS_PER_BATCH_AT_ONCE = 8
"""Number of runs that are worth one more process."""
SERVICES = ("DYNAMODB", "SECRETS_MANAGER", "SQS")


@contextmanager
def chaotic_system(
    scenario: Scenario, console: Console, *, runs: int, share: float, seed: int, aws_proxy: type[Proxy] = Proxy
) -> Iterator[tuple[System, Chaos]]:
    """Run the system for the ``with`` block, and yield it with its faults. ``aws_proxy`` is the proxy for SQS etc."""
    settle = dict.fromkeys(("SettleSeconds", "KodeySettleSeconds"), str(SETTLE_SECONDS))
    at_once = max(2, min(BATCHES_AT_ONCE, runs // RUNS_PER_BATCH_AT_ONCE))
    parameters = {**settle, "MaxConcurrency": str(at_once)}
    with running_system(console, parameters=parameters) as system:
        stand_in = scenario.url(system)
        mode = {"rate_limit": NO_LIMIT, "list": "shuffled", "list_lag": LIST_LAG, **scenario.mode}
        httpx.post(f"{stand_in}/_control/mode", json=mode, trust_env=False).raise_for_status()
        chaos = Chaos(share, seed, stand_in, scenario.delays)
        provider, aws = Proxy(stand_in, chaos.to_provider), aws_proxy(system.emulator.endpoint_url, chaos.to_aws)
        with provider, aws:
            endpoints = {f"AWS_ENDPOINT_URL_{service}": aws.url for service in SERVICES}
            limit = function_time_limit(system)
            configure(system, FUNCTIONS, {**scenario.environment(provider.url), **endpoints}, seconds=limit)
            shorten_visibility(system, QUEUES, limit + AFTERWARDS)
            yield system, chaos


def function_time_limit(system: System, least: int = FUNCTION_SECONDS) -> int:
    """Return a time limit in seconds for functions of a system: ``least``, and more where they start slowly."""
    begun = time.monotonic()
    system.invoke("SweepRunsFunction", {})
    return max(least, math.ceil(STARTS * (time.monotonic() - begun)))


def configure(system: System, outputs: Sequence[str], environment: Mapping[str, str], *, seconds: int) -> None:
    """Shorten the time limit of functions, and extend their environment. ``outputs`` name the functions."""
    functions = system.emulator.clients.functions
    for output in outputs:
        name = system.stack.outputs[output]
        own = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Timeout=seconds, Environment={"Variables": {**own, **environment}}
        )


def shorten_visibility(system: System, outputs: Sequence[str], seconds: int) -> None:
    """Shorten the visibility timeout of queues, which the ``outputs`` name."""
    for output in outputs:
        system.emulator.clients.queues.set_queue_attributes(
            QueueUrl=system.stack.outputs[output], Attributes={"VisibilityTimeout": str(seconds)}
        )
