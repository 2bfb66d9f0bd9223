"""The port that each provider implements. It is only needed for types, so no function imports this module."""

from datetime import timedelta
from typing import Protocol

from aichats.runs.action import Action
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from aichats.runs.providers.port import Created, Effect


class Provider(Protocol):
    """A provider, which checks and performs its actions. Safe to share between threads."""

    @property
    def name(self) -> str:
        """The name of the provider, with which the types of its actions begin."""

    @property
    def call_limit(self) -> timedelta:
        """The maximum duration of a call, unless an effect has its own limit."""

    @property
    def settle(self) -> timedelta:
        """The time after a lost response in which the effect may still appear."""

    def api_version(self, action: Action) -> str | None:
        """Return the version of the provider's API for new runs of an action; ``None`` if the API has no versions."""

    def check(self, action: Action, within: str = "action.") -> None:
        """Check that the API version for new runs knows all fields of an action.

        Raises:
            InputError: the version does not know a field. The error names the field, with the prefix ``within``.
        """

    def credential(self, row: Row, /) -> str:
        """Return the name of the credential of the run's calls.

        Raises:
            SecretError: the credential can't be used.
        """

    def may_recover(self, row: Row, /) -> bool:
        """Return whether the provider may accept the run's credential later, after it was rejected as invalid (401)."""

    def per_second(self, run: Run) -> float:
        """Return the number of such runs that may begin in a second within the provider's rate limit."""

    def effect(self, row: Row) -> Effect | None:
        """Return the next effect; ``None`` if all effects are recorded.

        Raises:
            SecretError: the credential can't be used.
        """

    def complete(self, row: Row) -> Created:
        """Make the calls that follow the effects. They may be repeated.

        Raises:
            NotYetError: the calls must wait.
            SupersededError: a newer run has changed the same fields.
            AichatsError: a call failed.
        """
