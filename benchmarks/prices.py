"""AWS's list prices, and the cost of what a run uses, in pure functions.

Prices are those of us-east-1 without the free tier, as of 2026-12-01.
"""

from collections.abc import Mapping
from dataclasses import dataclass

REGION, DATE = "us-east-1", "2026-12-01"
MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """A list price.

    Attributes:
        dollars: the price of ``per`` units.
        unit: the unit.
        source: the page with the price.
    """

    dollars: float
    per: int
    unit: str
    source: str


LAMBDA = "https://aws.amazon.com/lambda/pricing/"
DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
EVENTBRIDGE = "https://aws.amazon.com/eventbridge/pricing/"
PRICES: Mapping[str, Price] = {
    "schedule": Price(1.00, MILLION, "scheduled invocation", EVENTBRIDGE),
    "request": Price(0.20, MILLION, "request to Lambda", LAMBDA),
    "compute": Price(16.6667, MILLION, "GB-second on x86", LAMBDA),
    "write": Price(0.625, MILLION, "write request unit", DYNAMODB),
    "read": Price(0.125, MILLION, "read request unit", DYNAMODB),
    "event": Price(1.00, MILLION, "custom event on a bus", EVENTBRIDGE),
    "secret": Price(0.05, 10_000, "call to Secrets Manager", "https://aws.amazon.com/secrets-manager/pricing/"),
    "log": Price(0.50, 1_000_000_000, "byte of logs", "https://aws.amazon.com/cloudwatch/pricing/"),
    "transition": Price(25.00, MILLION, "state transition", "https://aws.amazon.com/step-functions/pricing/"),
    "operation": Price(8.00, MILLION, "operation of a durable function", LAMBDA),
}

type Usage = Mapping[str, float]
"""The units that one run uses, by the names of the prices."""


def cost(usage: Usage, runs: int = MILLION) -> dict[str, float]:
    """Return the dollars for a number of runs, by the names of the prices.

    Raises:
        KeyError: something has no price.
    """
    return {name: units * runs * PRICES[name].dollars / PRICES[name].per for name, units in usage.items()}


def total(*usages: Usage) -> dict[str, float]:
    """Return the sum of what several parts of a run use."""
    names = dict.fromkeys(name for usage in usages for name in usage)
    return {name: sum(usage.get(name, 0.0) for usage in usages) for name in names}


def gb_seconds(milliseconds: float, memory_mb: int) -> float:
    """Return the billed GB-seconds of a duration. Lambda rounds up to whole milliseconds."""
    return -(-milliseconds // 1) / 1000 * memory_mb / 1024
