"""The port that a provider implements, so that its actions can be performed.

An action is a sequence of *effects*, each of which must happen at most once, followed by calls that may be repeated.
The result of an effect is recorded before the next effect begins, so a resumed run continues there. If an effect may
have begun, aichats looks for it first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from pydantic import BaseModel

from aichats.aws.writes import Json
from aichats.errors import AichatsError, ProtocolError
from aichats.runs.actions import Action
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run

MAX_KEPT_CHARACTERS = 1000
"""The limit of each text in a provider's answer that a run keeps."""
MAX_CHAT_ID_CHARACTERS = 255
"""The limit of a chat's id. A longer id does not fit into a run's row."""


@dataclass(frozen=True)
class Created:
    """The result of an effect or of an action.

    Attributes:
        chat_id: the id of its chat.
        result: the provider's answers, under ``chat`` and ``reply``.
    """

    chat_id: str
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Effect:
    """One effect at a provider that must happen at most once.

    Attributes:
        act: performs it.
        limit: the longest time that ``act`` may take.
        find: looks for it after its response was lost, given the notes of ``seen``. Returns every candidate; an empty
            result means that it did not happen. ``None``: it can't be found. Raises NotYetError if the outcome
            can't be known yet.
        seen: notes what already exists and could be mistaken for it, before it begins. It is given the result of the
            previous run under the same lock, and raises NotYetError if the provider does not list that result yet.
            ``None``: nothing could be mistaken for it. An effect that is not the first of its action must have a note,
            even an empty one.
        lock: names what no two runs may do at the same time, because each could mistake the other's effect for its own.
    """

    act: Callable[[], Created]
    limit: timedelta
    find: Callable[[Json], Sequence[Created]] | None
    seen: Callable[[Json], Json] | None = None
    lock: Sequence[str] | None = None


class NotYetError(AichatsError):
    """The run must wait for something other than the provider's answer.

    Attributes:
        wait: the time to wait; ``None``: longer each time.
    """

    def __init__(self, message: str, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class SupersededError(AichatsError):
    """A newer change of the same fields was performed, so this change must not be performed."""


def accept_unreadable_answer(provider: str, create: Callable[[], Created]) -> Created:
    """Return the result of a create, even if only the chat's id in the provider's answer can be read.

    Raises:
        AichatsError: the failure.
    """
    try:
        created = create()
    except ProtocolError as error:
        if error.chat_id is None:
            raise
        return Created(error.chat_id)
    if len(created.chat_id) > MAX_CHAT_ID_CHARACTERS:
        raise ProtocolError(
            f"the chat's id has more than {MAX_CHAT_ID_CHARACTERS} characters and can't be stored", provider=provider
        )
    return created


def stored_answer(reply: BaseModel, model: type[BaseModel]) -> dict[str, Any]:
    """Return the part of a provider's answer that a run keeps: the fields of ``model``, with every text bounded."""
    fields = reply.model_dump(mode="json", exclude_unset=True, include=_fields_of(model))
    return {name: _bounded(value) for name, value in fields.items()}


def _fields_of(model: type[BaseModel]) -> dict[str, Any]:
    types: dict[str, Any] = {name: field.annotation for name, field in model.model_fields.items()}
    models = {name for name, type_ in types.items() if isinstance(type_, type) and issubclass(type_, BaseModel)}
    return {name: _fields_of(type_) if name in models else True for name, type_ in types.items()}


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bounded(part) for name, part in value.items()}
    return value[:MAX_KEPT_CHARACTERS] if isinstance(value, str) else value


class Provider(Protocol):
    """A provider: how its actions are checked and performed. Safe to share between threads."""

    @property
    def name(self) -> str:
        """The name before the dot of its actions' types."""

    @property
    def call_limit(self) -> timedelta:
        """The longest time that a call may take, unless an effect names another limit."""

    @property
    def settle(self) -> timedelta:
        """The time in which an effect may still appear after its response was lost."""

    def api_version(self, action: Action) -> str | None:
        """Return the version of the provider's API for new runs of an action; ``None`` if the API has no versions."""

    def check(self, action: Action, within: str = "action.") -> None:
        """Check that the API version for new runs knows all fields of an action.

        Raises:
            InputError: it does not know a field; names the field after the prefix ``within``.
        """

    def in_rotation(self) -> bool:
        """Return whether the credential was replaced a short time ago, or may have been."""

    def per_second(self, run: Run) -> float:
        """Return how many runs like this one may begin in a second without exceeding the provider's rate limit."""

    def effect(self, row: Row) -> Effect | None:
        """Return the next effect; ``None`` if all effects are recorded.

        Raises:
            SecretError: the credential can't be used.
        """

    def complete(self, row: Row) -> Created:
        """Make the calls that follow the effects. They may be repeated.

        Raises:
            NotYetError: the calls must wait.
            SupersededError: a newer change was performed.
            AichatsError: the failure.
        """
