"""Run checks side by side. A check that fails or takes too long never hides the results of the others."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from aichats.aws.clients import converted_errors
from aichats.aws.errors import AwsError, aws_message, code_of
from aichats.errors import AichatsError, SecretError
from aichats.http.deadline import time_limit
from aichats_cli.admin.deployed import DeployedError
from aichats_cli.admin.doctor.findings import Finding, fail, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

CHECK_SECONDS = 45.0
"""The maximum duration of a check. All checks begin at the same time."""


def run_checks[SubjectT](
    checks: Mapping[str, Callable[[SubjectT], Iterable[Finding]]], subject: SubjectT, limit: float = CHECK_SECONDS
) -> Iterator[tuple[str, list[Finding]]]:
    """Run all checks at the same time. Yield the name of each check with its findings, in the order of the checks.

    Args:
        checks: the checks by their names.
        subject: the argument of each check.
        limit: the maximum duration of a check in seconds.
    """
    ends_at = time.monotonic() + limit
    running = {name: _Running(check, subject, limit) for name, check in checks.items()}
    for each in running.values():
        each.start()
    for name, each in running.items():
        each.join(max(0.0, ends_at - time.monotonic()))
        late = [warn(f"can't be checked: no answer within {limit:.0f} s")] if each.is_alive() else []
        yield name, [*each.findings, *late]


class _Running[SubjectT](threading.Thread):
    """A check that runs in a thread of its own, which never keeps the command from ending."""

    def __init__(self, check: Callable[[SubjectT], Iterable[Finding]], subject: SubjectT, limit: float) -> None:
        super().__init__(daemon=True)
        self.findings: list[Finding] = []
        self._check, self._subject, self._limit = check, subject, limit

    def run(self) -> None:
        """Collect the findings. An error becomes a finding."""
        with _ErrorAsFinding(self.findings), converted_errors("Check"), time_limit(self._limit):
            self.findings.extend(self._check(self._subject))


class _ErrorAsFinding:
    """A context in which an error becomes a finding, because the other checks go on."""

    def __init__(self, findings: list[Finding]) -> None:
        self._findings = findings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self._findings.append(finding_of(error))
        return True


def finding_of(error: Exception) -> Finding:
    """Return the finding about an error that ended a check. A secret that functions can't use is a failure."""
    if isinstance(error, SecretError):
        return fail(f"{error.name} {error.problem}", error.remedy)
    return warn(f"can't be checked: {reason_for(error)}")


def reason_for(error: Exception) -> str:
    """Return in one line why a check failed. The text of an unexpected error is left out: it may quote a secret."""
    if isinstance(error, AwsError):
        return " ".join(f"{code_of(error)}: {aws_message(error)}".split())
    if isinstance(error, (DeployedError, AichatsError)):
        return " ".join(str(error).split())
    return f"{type(error).__name__} in this command"
