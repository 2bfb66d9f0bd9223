"""The start of every test: the environment, as the template sets it, and credentials that open nothing."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.support.ci import ON_CI
from tests.support.ordering import spread

pytest_plugins = ["tests.support.fixtures"]
"""The shared fixtures. They are imported after the environment below is set."""

os.environ |= {
    "WHOP_BASE_URL": "https://whop.invalid/api/v1",
    "WHOP_API_VERSION": "2026-07-08-1",
    "WHOP_SECRET": "aichats/dev/whop",
    "CALLERS_SECRET": "aichats/dev/callers",
    "ALLOWED_ORIGINS": "",
    "MAX_MESSAGE_BYTES": "32768",
    "RUNS_TABLE": "runs",
    "AUTOMATIONS_TABLE": "automations",
    "EVENTS_SECRET": "aichats/dev/events",
    "RUN_QUEUE_URL": "https://sqs.invalid/runs",
    "SLOW_RUN_QUEUE_URL": "https://sqs.invalid/slow-runs",
    "KODEY_BASE_URL": "https://kodey.invalid",
    "KODEY_SECRET": "aichats/test/kodey",
    "EVENTS_TABLE": "events",
    "DELIVERY_QUEUE_URL": "https://sqs/deliveries",
    "SLOW_DELIVERY_QUEUE_URL": "https://sqs/slow-deliveries",
    "DELIVERY_DEAD_LETTERS_URL": "https://sqs/delivery-dead-letters",
    "EVENT_BUS": "aichats",
    "RUN_DEAD_LETTERS_URL": "https://sqs.invalid/run-dead-letters",
    "CONNECTIONS_PREFIX": "aichats/dev/whop/",
    "SCHEDULE_GROUP": "aichats-dev",
    "RUN_SCHEDULE_ARN": "arn:aws:lambda:eu-west-1:000000000000:function:run-schedule",
    "SCHEDULER_ROLE_ARN": "arn:aws:iam::000000000000:role/scheduler",
    "SCHEDULE_DEAD_LETTERS_ARN": "arn:aws:sqs:eu-west-1:000000000000:schedule-dead-letters",
    "POWERTOOLS_SERVICE_NAME": "aichats",
    "POWERTOOLS_METRICS_NAMESPACE": "aichats",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}

# The tests of a deployed stack need the credentials that the developer has.
if "AWS_SAM_STACK_NAME" not in os.environ:
    os.environ.pop("AWS_PROFILE", None)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "",
    }

# On CI, Hypothesis loads a profile of its own. With the default profile as the parent, only what is here differs there.
settings.register_profile(
    "tests",
    settings.get_profile("default"),
    deadline=None,
    derandomize=ON_CI,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # It measures time, and a busy machine can exceed it.
)
settings.load_profile("tests")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one process for each core for `-n logical`, and one more for `-n auto`: end-to-end tests often wait."""
    cores = os.cpu_count() or 1
    return cores if config.getoption("numprocesses") == "logical" else cores + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests into an order that suits as many processes as there are."""
    processes: int = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = spread(items, processes)
