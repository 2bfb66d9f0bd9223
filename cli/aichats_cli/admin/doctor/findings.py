"""The findings of checks, and their form for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aichats_cli.output import Output

RESTORE = "read docs/operations/by-alarm.md#restore-what-was-changed-in-aws. A deployment doesn't repair it"
"""The remedy if a resource was deleted in AWS."""

type Status = Literal["ok", "warn", "FAIL"]

COLORS: dict[Status, str] = {"ok": "green", "warn": "yellow", "FAIL": "red"}
SUBJECT_WIDTH = 16
"""The width of the column with the names of the checks."""


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Attributes:
        status: ``FAIL`` if something doesn't work; ``warn`` if it may not work, or can't be checked.
        text: the state of the part of the stack.
        remedy: what to do, best a command; empty if there is nothing to do.
    """

    status: Status
    text: str
    remedy: str = ""


def fine(text: str) -> Finding:
    """Return a finding about something that works."""
    return Finding("ok", text)


def warn(text: str, remedy: str = "") -> Finding:
    """Return a finding about something that may not work, or that can't be checked."""
    return Finding("warn", text, remedy)


def fail(text: str, remedy: str) -> Finding:
    """Return a finding about something that doesn't work."""
    return Finding("FAIL", text, remedy)


def show(output: Output, subject: str, findings: Iterable[Finding]) -> None:
    """Print the findings of a check."""
    for finding in findings:
        status = output.paint(finding.status.ljust(4), COLORS[finding.status])
        output.lines([f"{status}  {subject.ljust(SUBJECT_WIDTH)}  {finding.text}"])
        if finding.remedy:
            output.lines([f"{'':{SUBJECT_WIDTH + 8}}to do: {finding.remedy}"])


def summary(findings: Iterable[Finding]) -> str:
    """Return the numbers of findings in words."""
    numbers = Counter(finding.status for finding in findings)
    return f"{numbers['ok']} ok, {numbers['warn']} to look at, {numbers['FAIL']} failed"
