"""The answers of providers to calls that they performed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aichats.errors import ProtocolError
from aichats.http.masking import MAX_WORD_CHARACTERS, Mask, one_line
from aichats.http.rejections import NOTHING_TO_HIDE, request_id

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from aichats.http import Headers


class ProviderAnswer:
    """A 2xx response.

    Args:
        mask: hides the secrets of the request, which the response may repeat.
    """

    def __init__(
        self, status: int, headers: Headers, content: bytes, provider: str, mask: Mask = NOTHING_TO_HIDE
    ) -> None:
        self.status, self.headers, self.content, self.provider, self.mask = status, headers, content, provider, mask

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        # Few answers need it, and to hide the secrets takes time.
        return request_id(self.headers, self.mask)


def read_answer[ReplyT: BaseModel](
    model: type[ReplyT], answer: ProviderAnswer, *, chat_id: str | None = None
) -> ReplyT:
    """Return the body of an answer as a model.

    Args:
        model: the model of the body.
        answer: the answer.
        chat_id: the id of a chat that exists even if the body can't be read, for the error.

    Raises:
        ProtocolError: the body can't be read. The error names the fields and the reasons, and shows no value.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise ProtocolError(
            f"the answer ({answer.status}) can't be read: {_reasons(error)}",
            provider=answer.provider,
            request_id=answer.request_id,
            chat_id=chat_id,
        ) from None


def _reasons(error: ValidationError) -> str:
    """Return the fields and the reasons without the values, which may not appear in logs."""
    from aichats.validation import message_of

    details = error.errors(include_url=False)[:5]
    places = [one_line(".".join(map(str, detail["loc"])))[:MAX_WORD_CHARACTERS] or "body" for detail in details]
    return "; ".join(f"{place}: {message_of(detail)}" for place, detail in zip(places, details, strict=True))


def known_fields(reply: BaseModel, model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of ``model`` that an answer has, as JSON under the provider's names."""
    return reply.model_dump(mode="json", exclude_unset=True, include=_fields_of(model))


def _fields_of(model: type[BaseModel]) -> dict[str, Any]:
    from pydantic import BaseModel

    types: dict[str, Any] = {name: field.annotation for name, field in model.model_fields.items()}
    models = {name for name, type_ in types.items() if isinstance(type_, type) and issubclass(type_, BaseModel)}
    return {name: _fields_of(type_) if name in models else True for name, type_ in types.items()}
