"""The checks of a deployed stack, run one beside the other. They change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aichats_cli.admin.doctor import connections, credentials, infrastructure, operation, schedules, webhook
from aichats_cli.admin.doctor.examined import ExaminedStack
from aichats_cli.admin.doctor.findings import Finding, show, summary
from aichats_cli.admin.doctor.runner import run_checks
from aichats_cli.output import Format, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aichats_cli.admin.deployed import DeployedStack
    from aichats_cli.session import Session

CHECKS: Mapping[str, Callable[[ExaminedStack], Iterator[Finding]]] = {
    "stack": infrastructure.check_state,
    "functions": infrastructure.check_functions,
    "event sources": infrastructure.check_event_sources,
    "quota": infrastructure.check_quota,
    "credentials": connections.check_credentials,
    "Whop keys": credentials.check_whop_keys,
    "connections": connections.check_connections,
    "Kodey key": credentials.check_kodey_key,
    "webhook": webhook.check_webhook,
    "webhook secret": credentials.check_webhook_secret,
    "signing key": credentials.check_signing_key,
    "API clients": credentials.check_callers,
    "own schedules": schedules.check_own_schedules,
    "automations": schedules.check_automations,
    "pauses": schedules.check_pauses,
    "sweep": operation.check_sweep,
    "alarm topic": operation.check_topic,
    "alarms": operation.check_alarms,
    "dead letters": operation.check_dead_letters,
    "runs": operation.check_runs,
}
"""The checks by their names, in the order of the output."""


def examine(session: Session, stack: DeployedStack) -> bool:
    """Run all checks and print their findings. Return whether all that was checked works.

    Raises:
        DeployedError: the stack doesn't exist or can't be read.
    """
    return report(session.output, stack.name, run_checks(CHECKS, ExaminedStack.of(stack)))


def report(output: Output, stack: str, results: Iterable[tuple[str, list[Finding]]]) -> bool:
    """Print the findings of each check as they come. Return whether no check failed."""
    found = dict[str, list[Finding]]()
    for subject, findings in results:
        found[subject] = findings
        if output.format is Format.table:
            show(output, subject, findings)
    every = [finding for findings in found.values() for finding in findings]
    failed = [subject for subject, findings in found.items() if any(each.status == "FAIL" for each in findings)]
    match output.format:
        case Format.table:
            output.lines(["", f"{stack}: {summary(every)}"])
        case Format.name:
            output.lines(failed)
        case _:
            output.data([as_data(subject, finding) for subject, findings in found.items() for finding in findings])
    return not failed


def as_data(subject: str, finding: Finding) -> dict[str, str]:
    """Return a finding for `-o json`."""
    return {"check": subject, "status": finding.status.lower(), "text": finding.text, "remedy": finding.remedy}
