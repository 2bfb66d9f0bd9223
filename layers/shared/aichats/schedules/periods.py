"""The periods of budgets, days and months in UTC, and the pauses that last until a period ends."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from aichats.frozen import frozen
from aichats.schedules.pauses import BY_BUDGET, Pauses, PauseWindow

type Per = Literal["day", "month"]


@frozen
class Period:
    """A day or a month in UTC.

    Attributes:
        begins: its first time.
        per: its kind.
    """

    begins: datetime
    per: Per

    @classmethod
    def at(cls, time: datetime, per: Per) -> "Period":
        """Return the period that a time is in."""
        midnight = time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(midnight if per == "day" else midnight.replace(day=1), per)

    @classmethod
    def named(cls, name: str) -> "Period":
        """Return the period with this name.

        Raises:
            ValueError: no period has this name.
        """
        per: Per = "month" if name.count("-") == 1 else "day"
        return cls(datetime.fromisoformat(f"{name}-01" if per == "month" else name).replace(tzinfo=UTC), per)

    @property
    def name(self) -> str:
        """The day, such as ``2026-11-30``, or the month, such as ``2026-11``."""
        return self.begins.date().isoformat()[: 10 if self.per == "day" else 7]

    @property
    def ends(self) -> datetime:
        """The first time of the next period."""
        days = 1 if self.per == "day" else 31
        return Period.at(self.begins + timedelta(days=days), self.per).begins

    def is_lifted(self, pauses: Pauses) -> bool:
        """Return whether an API client resumed a pause by a budget. Then the budget has no limit in this period."""
        return any(
            window.by == BY_BUDGET and window.resumed_by is not None and self.begins <= window.begins < self.ends
            for window in pauses.windows
        )

    def paused(self, pauses: Pauses, now: datetime) -> Pauses:
        """Return pauses with a pause by a budget, from now until this period ends.

        If there is such a pause already, the budget is lifted or the period has ended, return the pauses as they are.
        """
        begins = max(now, self.begins)
        is_paused = any(window.by == BY_BUDGET and window.until == self.ends for window in pauses.windows)
        if is_paused or begins >= self.ends or self.is_lifted(pauses):
            return pauses
        return pauses.with_window(PauseWindow(begins, self.ends, BY_BUDGET, now, BY_BUDGET), now)
