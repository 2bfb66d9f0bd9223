"""The whole system with proxies for the functions' calls and with short times."""

from collections.abc import Iterator, Mapping
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
"""Time limit of the functions. The lease of a killed function is five seconds longer."""
VISIBILITY_SECONDS = 25
"""Time until the message of a killed function returns: after the lease and the settle time, as in the template."""
BATCHES_AT_ONCE = 10
"""Maximum number of concurrent batches. Each needs a process, which takes about one second of CPU to start."""
RUNS_PER_BATCH_AT_ONCE = 8
"""Number of runs that are worth one more process."""
SERVICES = ("DYNAMODB", "SECRETS_MANAGER", "SQS")


@contextmanager
def chaotic_system(
    scenario: Scenario, console: Console, *, runs: int, share: float, seed: int
) -> Iterator[tuple[System, Chaos]]:
    """Run the system for the ``with`` block, and yield it with its faults."""
    settle = dict.fromkeys(("SettleSeconds", "KodeySettleSeconds"), str(SETTLE_SECONDS))
    at_once = max(2, min(BATCHES_AT_ONCE, runs // RUNS_PER_BATCH_AT_ONCE))
    parameters = {**settle, "MaxConcurrency": str(at_once)}
    with running_system(console, parameters=parameters) as system:
        stand_in = scenario.url(system)
        mode = {"rate_limit": NO_LIMIT, "list": "shuffled", "list_lag": LIST_LAG, **scenario.mode}
        httpx.post(f"{stand_in}/_control/mode", json=mode, trust_env=False).raise_for_status()
        chaos = Chaos(share, seed, stand_in, scenario.delays)
        provider, aws = Proxy(stand_in, chaos.to_provider), Proxy(system.emulator.endpoint_url, chaos.to_aws)
        with provider, aws:
            endpoints = {f"AWS_ENDPOINT_URL_{service}": aws.url for service in SERVICES}
            configure(system, {**scenario.environment(provider.url), **endpoints})
            yield system, chaos


def configure(system: System, environment: Mapping[str, str]) -> None:
    """Shorten the times of the functions and queues, and extend the functions' environment."""
    functions, queues = system.emulator.clients.functions, system.emulator.clients.queues
    for output in FUNCTIONS:
        name = system.stack.outputs[output]
        own = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Timeout=FUNCTION_SECONDS, Environment={"Variables": {**own, **environment}}
        )
    for output in QUEUES:
        queues.set_queue_attributes(
            QueueUrl=system.stack.outputs[output], Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
        )
