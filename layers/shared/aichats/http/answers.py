"""What a provider answers when it did what was asked."""

from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from aichats.errors import ProtocolError
from aichats.http import Headers
from aichats.http.masking import MAX_WORD_CHARACTERS, one_line


@dataclass(frozen=True)
class Answer:
    """A 2xx answer."""

    status: int
    headers: Headers
    content: bytes
    request_id: str | None
    provider: str


def read[ReplyT: BaseModel](model: type[ReplyT], answer: Answer, *, chat_id: str | None = None) -> ReplyT:
    """The answer's body. ``chat_id`` is the chat that exists whether it can be read or not.

    Raises:
        ProtocolError: it cannot be read; says where and why, and shows no value.
    """
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise ProtocolError(
            f"{answer.status}, but not an answer that can be read: {_complaints(error)}",
            provider=answer.provider,
            request_id=answer.request_id,
            chat_id=chat_id,
        ) from None


def _complaints(error: ValidationError) -> str:
    """Where and why, without the values: an answer may hold what belongs into no log."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    places = [one_line(".".join(map(str, detail["loc"])))[:MAX_WORD_CHARACTERS] or "body" for detail in details[:5]]
    return "; ".join(f"{place}: {detail['type']}" for place, detail in zip(places, details, strict=False))
