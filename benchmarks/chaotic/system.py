"""The whole system, its functions' calls going through proxies, its times short."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from benchmarks.chaotic.faults import LIST_LAG, SETTLE_SECONDS, WHOP_SECONDS, Chaos
from benchmarks.chaotic.proxy import Proxy
from local.console import Console
from local.system import System, running_system

FUNCTIONS = ("RunScheduleFunction", "HttpApiFunction", "PerformRunsFunction", "SweepRunsFunction")
FUNCTION_SECONDS = 10
"""A killed function's lease lasts as long, and five seconds."""
VISIBILITY_SECONDS = 25
"""A message whose function was killed comes back when the lease and the settle time are over, as in the template."""
BATCHES_AT_ONCE = 10
SERVICES = ("DYNAMODB", "SECRETS_MANAGER", "SQS")
NO_LIMIT = 1_000_000


@contextmanager
def chaotic_system(console: Console, *, share: float, seed: int, idempotency: str) -> Iterator[tuple[System, Chaos]]:
    """The system and its faults, for the ``with`` block."""
    parameters = {"SettleSeconds": str(SETTLE_SECONDS), "MaxConcurrency": str(BATCHES_AT_ONCE)}
    with running_system(console, parameters=parameters) as system:
        mode = {"idempotency": idempotency, "rate_limit": NO_LIMIT, "list": "shuffled", "list_lag": LIST_LAG}
        httpx.post(f"{system.whop_url}/_control/mode", json=mode, trust_env=False).raise_for_status()
        chaos = Chaos(share, seed, system.whop_url)
        whop, aws = Proxy(system.whop_url, chaos.to_whop), Proxy(system.emulator.endpoint_url, chaos.to_aws)
        with whop, aws:
            environment = {
                "WHOP_BASE_URL": f"{whop.url}/api/v1",
                "WHOP_TIMEOUT_SECONDS": str(WHOP_SECONDS),
                **{f"AWS_ENDPOINT_URL_{service}": aws.url for service in SERVICES},
            }
            configure(system, environment)
            yield system, chaos


def configure(system: System, environment: Mapping[str, str]) -> None:
    """Shorten the functions' and the queue's times, and add to the functions' environment."""
    functions, queues = system.emulator.clients.functions, system.emulator.clients.queues
    for output in FUNCTIONS:
        name = system.stack.outputs[output]
        own = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Timeout=FUNCTION_SECONDS, Environment={"Variables": {**own, **environment}}
        )
    queues.set_queue_attributes(
        QueueUrl=system.stack.outputs["RunQueue"], Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
    )
