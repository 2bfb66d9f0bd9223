"""Checks of what the stack does: its alarms, the sweep, its queues and its runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aichats.aws.table import Table
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.reads import Reads
from aichats.runs.ledger.rows import LANES, EndStatus
from aichats.runs.ledger.times import to_text
from aichats_cli.admin.doctor.findings import RESTORE, Finding, fail, fine, warn
from aichats_cli.admin.doctor.sections import PAGE, section_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aichats_cli.admin.doctor.examined import ExaminedStack

SWEEP_EVERY = timedelta(minutes=5)
NO_SWEEP_AFTER = timedelta(minutes=15)
REDRIVEN = ("RunDeadLetters", "RunScheduleFailures", "DeliveryDeadLetters")
"""The outputs that name queues whose messages `aichats admin redrive` sends again."""
OTHER_FAILURES = {
    "ScheduleDeadLetters": "scheduledeadlettersalarm",
    "SweepRunsFailures": "sweeprunsfailuresalarm",
    "RefreshTokensFailures": "refreshtokensfailuresalarm",
    "PublishEventsFailures": "publisheventsfailuresalarm",
}
"""The other outputs that name queues for failures, with the section that says what to do."""
RECENT = timedelta(hours=24)
COUNTED_RUNS = 1000
"""The number of runs of a lane that are read. The counts are minimums if there are more."""


def check_topic(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that the alarms reach an address."""
    topic = stack.output("AlarmTopic")
    pages = stack.aws.topics.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    subscriptions: list[dict[str, Any]] = [each for page in pages for each in page["Subscriptions"]]
    # The ARN of a subscription that is not confirmed, or that was deleted, is a word.
    confirmed = [each for each in subscriptions if each["SubscriptionArn"].startswith("arn:")]
    pending = [each for each in subscriptions if each["SubscriptionArn"] == "PendingConfirmation"]
    for each in pending:
        yield warn(f"{each['Endpoint']} has not confirmed", "click the link in the e-mail from AWS Notifications")
    if confirmed:
        yield fine(f"alarms reach {len(confirmed)} of {len(confirmed) + len(pending)} subscriptions")
    elif not pending:
        yield warn("alarms reach no address", f"{stack.deploy} --parameter AlarmEmail=you@example.com")


def check_alarms(stack: ExaminedStack) -> Iterator[Finding]:
    """Report each alarm that is on, with the section that says what to do."""
    pages = stack.aws.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack.name}-")
    # Another stack's name may begin with this stack's name.
    ours = re.compile(rf"{re.escape(stack.name)}-([A-Za-z0-9]+Alarm)-")
    states = {
        found[1]: alarm["StateValue"]
        for page in pages
        for alarm in page["MetricAlarms"]
        if (found := ours.match(alarm["AlarmName"]))
    }
    on = sorted(name for name, state in states.items() if state == "ALARM")
    for name in on:
        yield fail(f"{name} is on", f"read {section_of(name)}")
    if not states:
        yield fail("the stack has no alarms", RESTORE)
    elif not on:
        yield fine(f"none of {len(states)} is on")


def check_sweep(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that the sweep ran recently."""
    now = datetime.now(UTC)
    points = stack.aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": stack.output("SweepRunsFunction")}],
        StartTime=now - timedelta(hours=3),
        EndTime=now + SWEEP_EVERY,
        Period=int(SWEEP_EVERY.total_seconds()),
        Statistics=["Sum"],
    )["Datapoints"]
    latest = max((point["Timestamp"] + SWEEP_EVERY for point in points if point["Sum"]), default=None)
    if latest and now - latest <= NO_SWEEP_AFTER:
        yield fine(f"ran within the last {int(max(now - latest, timedelta(0)) / timedelta(minutes=1)) + 5} minutes")
    elif now - stack.description["CreationTime"] <= NO_SWEEP_AFTER:
        yield warn("has not run yet. The stack is new", f"wait, then type: {stack.command('doctor')}")
    else:
        since = f"since {latest:%H:%M} UTC" if latest else "in the last three hours"
        yield fail(f"has not run {since}", f"read {section_of('NoSweepsAlarm')}")


def check_dead_letters(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that no queue for failures has messages."""
    remedies = dict.fromkeys(REDRIVEN, stack.command("redrive"))
    remedies |= {name: f"read {PAGE}#{section}" for name, section in OTHER_FAILURES.items()}
    counts = {name: _messages(stack, name) for name in remedies}
    for name, count in counts.items():
        if count:
            yield fail(f"{name} has {count} message{'' if count == 1 else 's'}", remedies[name])
    if not any(counts.values()):
        yield fine(f"none in {len(counts)} queues")


def _messages(stack: ExaminedStack, name: str) -> int:
    """Return the number of messages in a queue, including those that another process has received just now."""
    attributes = stack.aws.queues.get_queue_attributes(
        QueueUrl=stack.output(name),
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return sum(map(int, attributes.values()))


def check_runs(stack: ExaminedStack) -> Iterator[Finding]:
    """Count the runs of the last 24 hours that need a person."""
    unknown, failed = _ended(stack.runs, "unknown"), _ended(stack.runs, "failed")
    if unknown:
        how = f"read {section_of('RunsUnknownAlarm')}"
        yield warn(f"{unknown} of the last 24 hours are unknown: aichats doesn't know if the chat exists", how)
    if failed:
        yield warn(f"{failed} of the last 24 hours failed", f"read {section_of('RunsFailedAlarm')}")
    if not unknown and not failed:
        yield fine("none of the last 24 hours is failed or unknown")


def _ended(runs: Table, status: EndStatus) -> int:
    now = datetime.now(UTC)
    since, until = to_text(now - RECENT), f"{to_text(now)}~"
    lanes = [
        Reads(runs).created(lane, since=since, until=until, only=RunFilter((status,)), limit=COUNTED_RUNS)[0]
        for lane in LANES
    ]
    return sum(map(len, lanes))
