"""The effects of actions, which the providers perform (:class:`aichats.runs.providers.provider.Provider`).

An action consists of *effects*, each of which must happen at most once, and of calls that may be repeated. aichats
records the result of an effect before the next effect begins, so a resumed run continues there. If an effect may have
begun earlier, aichats looks for it first.
"""

from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any

from aichats.errors import AichatsError, ProtocolError
from aichats.frozen import frozen
from aichats.http.plain_answers import PlainAnswer
from aichats.json_types import Json

MAX_KEPT_CHARACTERS = 1000
"""The maximum length of each text in a provider's answer that a run keeps."""
MAX_CHAT_ID_CHARACTERS = 255
"""The maximum length of a chat's id. A longer id does not fit into a run's row."""


@frozen
class Created:
    """The result of an effect or of an action.

    Attributes:
        chat_id: the id of the chat.
        result: the provider's answers, under ``chat`` and ``reply``.
        replied_at: the time of the reply, if the provider returned one.
    """

    chat_id: str
    result: dict[str, Any] = field(default_factory=dict)
    replied_at: datetime | None = None


@frozen
class Effect:
    """One effect at a provider that must happen at most once.

    Attributes:
        act: performs the effect.
        limit: the maximum duration of ``act``.
        find: looks for the effect after its response was lost, given the note from ``seen``. Returns every candidate;
            an empty result means that the effect did not happen. Raises NotYetError if the outcome can't be known yet.
            ``None``: the effect can't be found.
        seen: returns a note of existing objects that could be mistaken for the effect. It is called before the effect
            begins, with the result of the previous run that had the same lock. Raises NotYetError if the provider does
            not list this result yet. ``None``: nothing could be mistaken for the effect. Every effect except the first
            one of an action needs a note, even an empty one.
        prepare: makes the next step that the effect depends on, which may be repeated. Returns the new value of the
            row's attribute ``files``. Raises NotYetError if the step must wait. ``None``: the effect can begin.
        lock: the name of a lock. Runs with the same lock have this effect one after the other, because each could
            mistake the other's effect for its own.
    """

    act: Callable[[], Created]
    limit: timedelta
    find: Callable[[Json], Sequence[Created]] | None
    seen: Callable[[Json], Json] | None = None
    prepare: Callable[[], Json] | None = None
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
    """A newer run has changed the same fields, so this change must not be performed."""


def accept_unreadable_answer(provider: str, create: Callable[[], Created]) -> Created:
    """Return the result of a create, even if only the chat's id in the provider's answer can be read.

    Raises:
        AichatsError: the create failed, or its answer contains no valid id.
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


def stored_answer(reply: PlainAnswer) -> dict[str, Any]:
    """Return the part of a provider's answer that a run keeps: the fields that aichats knows, with bounded texts."""
    return {name: _bounded(value) for name, value in reply.fields.items()}


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bounded(part) for name, part in value.items()}
    return value[:MAX_KEPT_CHARACTERS] if isinstance(value, str) else value
