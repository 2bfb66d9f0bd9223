"""Look at everything that can be wrong with a deployed stack (`make doctor`). The command changes nothing."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from local.console import Console
from local.deployed import DeployedError
from local.doctor import connections, credentials, infrastructure, operation, schedules, webhook
from local.doctor.examined import ExaminedStack
from local.doctor.findings import Finding, show, summary
from local.doctor.runner import run_checks
from local.signals import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
EPILOG = "The exit code is 1 if a line begins with FAIL. Lines that begin with warn may need your attention."


def main() -> int:
    """Examine the stack. Return the exit code: 1 if something doesn't work."""
    return interruptible(lambda: run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Examine the stack. Return the exit code: 1 if something doesn't work."""
    parser = argparse.ArgumentParser(prog="make doctor", description=__doc__, epilog=EPILOG)
    parser.add_argument("--stack", required=True, help="name of the deployed stack, such as aichats-dev (STACK=)")
    return examine(Console(), parser.parse_args(arguments).stack)


def examine(console: Console, name: str) -> int:
    """Run all checks and print their findings. Return the exit code."""
    try:
        stack = ExaminedStack.find(name)
    except DeployedError as error:
        print(f"doctor: {error}", file=sys.stderr)
        return 1
    all_findings: list[Finding] = []
    for subject, findings in run_checks(CHECKS, stack):
        show(console, subject, findings)
        all_findings += findings
    console.line()
    console.line(f"{name}: {summary(all_findings)}")
    return 1 if any(finding.status == "FAIL" for finding in all_findings) else 0


if __name__ == "__main__":
    sys.exit(main())
