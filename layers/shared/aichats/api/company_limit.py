"""The companies that a caller may reach, and the checks of everything that belongs to a company.

A caller without a limit reaches everything. For a caller with a limit, three rules apply:

- An operation is closed, unless its route is declared as ``limited``.
- A run belongs to the caller if it creates a chat of Whop for one of the companies.
- An automation belongs to the caller if all its runs do: its trigger is a schedule, its action creates chats of Whop,
  and its targets are among the companies. The events of a webhook are those of all companies.

Runs and automations that don't belong to the caller don't exist for it. Whop doesn't say to which company a chat
belongs, so all operations on existing chats are closed.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aichats.api.problems import RejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aichats.automations.model import Automation
    from aichats.automations.row import RowHeader
    from aichats.events.model import SentEvent
    from aichats.runs.action import Action
    from aichats.runs.ledger.rows import Row


class CompanyLimit:
    """The companies that a caller may reach.

    Attributes:
        caller: the caller's name.
        companies: the companies; ``None`` if the caller reaches everything.
    """

    def __init__(self, caller: str, companies: frozenset[str] | None) -> None:
        self.caller, self.companies = caller, companies

    def check_operation(self, name: str, *, limited: bool) -> None:
        """Check that the caller may use an operation.

        Args:
            name: the method and the path.
            limited: whether the operation is open to callers with a limit.

        Raises:
            RejectedError: the operation is closed.
        """
        if self.companies is not None and not limited:
            raise self._rejection(f"{name} is closed to it, because it may reach other companies too")

    def check_company(self, company: str | None) -> None:
        """Check that the caller may create a chat for a company, the field ``company_id``.

        Raises:
            RejectedError: the company is not among the caller's companies.
        """
        if not self._has(company):
            raise self._rejection(f"use {self._names()}", "company_id")

    def check_work(self, action: Action, targets: Iterable[str | None]) -> None:
        """Check that the caller may start an action for targets, or store an automation that does so.

        Raises:
            RejectedError: the action is not about companies, or a target is not among the caller's companies.
        """
        if self.companies is not None and action.type != "whop.create_chat":
            raise self._rejection("use whop.create_chat, the only action whose targets are companies", "action.type")
        self.check_attachments(action)
        for index, target in enumerate(targets):
            if not self._has(target):
                raise self._rejection(f"use {self._names()}", f"targets.{index}")

    def check_attachments(self, action: Action, within: str = "action.") -> None:
        """Check that the caller may attach the files of an action.

        Raises:
            RejectedError: a file is in the stack's bucket, which has the files of all companies. The error names the
                field, with the prefix ``within``.
        """
        if self.companies is None:
            return
        for index, attachment in enumerate(action.fields.get("attachments") or ()):
            if isinstance(attachment, dict) and "s3" in attachment:
                remedy = "use a url or the id of a file, because the bucket has the files of all companies"
                raise self._rejection(remedy, f"{within}attachments.{index}.s3")

    def check_automation(self, automation: Automation) -> None:
        """Check that the caller may store an automation.

        Raises:
            RejectedError: the automation would not belong to the caller.
        """
        if self.companies is not None and automation.trigger.type != "schedule":
            raise self._rejection("use a schedule, because the events of all companies arrive here", "trigger.type")
        self.check_work(automation.action, automation.targets)

    def check_chat_id(self) -> None:
        """Check that the caller may name an existing chat, in the field ``chat_id``.

        Raises:
            RejectedError: the caller has a limit.
        """
        if self.companies is not None:
            raise self._rejection("leave it to another caller, because aichats doesn't know its company", "chat_id")

    def has_run(self, row: Row) -> bool:
        """Return whether a run exists for the caller."""
        from aichats.runs.replay import is_within

        return is_within(row.run, self.companies)

    def has_event(self, event: SentEvent) -> bool:
        """Return whether an event exists for the caller: with a limit, those of its runs."""
        if self.companies is None:
            return True
        is_own = event.data.get("action") == "whop.create_chat" and event.data.get("target") in self.companies
        return is_own and event.type.startswith("run.")

    @property
    def pick(self) -> Callable[[Row], bool] | None:
        """:meth:`has_run`; ``None`` if every run exists for the caller, so that no run must be read to find out."""
        return None if self.companies is None else self.has_run

    def has_automation(self, row: RowHeader) -> bool:
        """Return whether an automation exists for the caller. With a limit, it must be readable."""
        if self.companies is None:
            return True
        from aichats.automations.row import AutomationRow

        if not isinstance(row, AutomationRow):
            return False
        try:
            self.check_automation(row.automation)
        except RejectedError:
            return False
        return True

    def _has(self, company: str | None) -> bool:
        return self.companies is None or company in self.companies

    def _names(self) -> str:
        return ", ".join(sorted(self.companies or ())) or "another caller, because this one has no companies"

    def _rejection(self, remedy: str, field: str | None = None) -> RejectedError:
        detail = f"the caller {self.caller} is limited to companies; {remedy}"
        return RejectedError(HTTPStatus.FORBIDDEN, "company-limit", detail, field=field)
