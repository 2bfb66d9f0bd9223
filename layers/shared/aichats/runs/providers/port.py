"""What a provider brings so that its actions can be performed.

An action is a row of *effects*, each of which must not happen twice, and then calls whose effect is the same however
often they are made. What an effect made is recorded before the next one begins, so a run that is taken up again goes on
there; one that may have begun is looked for first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeIs

from pydantic import BaseModel

from aichats.aws.table import Json
from aichats.errors import AichatsError, ProtocolError
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run

MAX_TEXT_CHARACTERS = 1000
"""Of each text in an answer as a run keeps it."""
MAX_ID_CHARACTERS = 255
"""Of a chat's id: a longer one does not fit into a run's row."""


@dataclass(frozen=True)
class Created:
    """What was done.

    Attributes:
        chat_id: the chat that it is about.
        result: what the provider answered, under ``chat`` and ``reply``.
    """

    chat_id: str
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Effect:
    """One effect at a provider, which must not happen twice.

    Attributes:
        act: makes it.
        limit: the longest that ``act`` may take.
        find: looks for it after its outcome got lost, given what was ``seen``. All that might be it: none means that it
            did not happen. ``None``: it cannot be looked for. Raises NotYetError if it cannot be known yet.
        seen: what there is that could be mistaken for it, noted before it begins; it is given what the run before made
            under the same lock, and raises NotListedError if that is not shown yet. ``None``: nothing could be. An
            effect that is not the first of its action must note something, if only that there is nothing.
        lock: what no two runs may make at the same time, since each could take the other's for its own.
    """

    act: Callable[[], Created]
    limit: timedelta
    find: Callable[[Json], Sequence[Created]] | None
    seen: Callable[[Json], Json] | None = None
    lock: Sequence[str] | None = None


class NotYetError(AichatsError):
    """The run must wait for something other than the provider's answer.

    Attributes:
        wait: for how long; ``None``: longer each time.
    """

    def __init__(self, message: str, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class NotListedError(NotYetError):
    """The provider's lists do not show yet what was made a moment ago."""


class SupersededError(AichatsError):
    """A newer change of the same fields was performed, so this one must not be."""


def accept_unreadable_answer(provider: str, create: Callable[[], Created]) -> Created:
    """What a create made, also where its answer cannot be read but for the chat's id.

    Raises:
        AichatsError: the failure.
    """
    try:
        done = create()
    except ProtocolError as error:
        if error.chat_id is None:
            raise
        return Created(error.chat_id)
    if len(done.chat_id) > MAX_ID_CHARACTERS:
        raise ProtocolError("the chat's id is too long to be kept", provider=provider)
    return done


def kept(reply: BaseModel, model: type[BaseModel]) -> dict[str, Any]:
    """Return a provider's answer as a run keeps it: only the fields of ``model``, with every text bounded."""
    fields = reply.model_dump(mode="json", exclude_unset=True, include=_fields_of(model))
    return {name: _bounded(value) for name, value in fields.items()}


def _fields_of(model: type[BaseModel]) -> dict[str, Any]:
    types = {name: field.annotation for name, field in model.model_fields.items()}
    return {name: _fields_of(each) if _is_model(each) else True for name, each in types.items()}


def _is_model(each: Any) -> TypeIs[type[BaseModel]]:
    return isinstance(each, type) and issubclass(each, BaseModel)


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bounded(part) for name, part in value.items()}
    return value[:MAX_TEXT_CHARACTERS] if isinstance(value, str) else value


class Provider(Protocol):
    """How the actions of one provider are performed. Safe to share between threads."""

    @property
    def call_limit(self) -> timedelta:
        """The longest that a call may take, where an effect names no other limit."""

    @property
    def settle(self) -> timedelta:
        """How long after a call of unknown outcome its effect may still appear."""

    def per_second(self, run: Run) -> float:
        """How many runs like this one may begin in a second, so that the provider's rate limit is kept."""

    def effect(self, row: Row) -> Effect | None:
        """The next effect; ``None`` when none is left.

        Raises:
            SecretError: there is no credential to make it with.
        """

    def complete(self, row: Row) -> Created:
        """Make the calls that are left when all effects are made; they may be repeated.

        Raises:
            NotYetError: they must wait.
            SupersededError: a newer change was performed.
            AichatsError: the failure.
        """
