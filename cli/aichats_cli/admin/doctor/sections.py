"""The sections of the documentation that say what to do about an alarm."""

from __future__ import annotations

PAGE = "docs/operations/by-alarm.md"
SHARED = (
    ("HttpApiErrorsAlarm", "InternalErrorsAlarm"),
    ("DeliveryQueueAgeAlarm", "SlowDeliveryQueueAgeAlarm"),
    ("PerformRunsErrorsAlarm", "PerformSlowRunsErrorsAlarm"),
    ("RunQueueAgeAlarm", "SlowRunQueueAgeAlarm"),
    ("RunScheduleEventsDroppedAlarm", "SweepRunsEventsDroppedAlarm", "RefreshTokensEventsDroppedAlarm"),
    ("PerformRunsRecursionStoppedAlarm", "PerformSlowRunsRecursionStoppedAlarm", "DeliverEventsRecursionStoppedAlarm"),
)
"""The alarms that share a section, whose heading names them all."""


def section_of(alarm: str) -> str:
    """Return the section of the documentation that says what to do about an alarm."""
    if alarm.endswith(("ReadThrottlesAlarm", "WriteThrottlesAlarm")):
        return f"{PAGE}#throttled-tables-and-indexes"
    if alarm.endswith("ThrottlesAlarm"):
        return f"{PAGE}#throttled-functions"
    names = next((names for names in SHARED if alarm in names), (alarm,))
    words = [*names[:-1], "and", names[-1]] if len(names) > 1 else names
    return f"{PAGE}#{'-'.join(words).lower()}"
