"""Everything that this package raises on purpose.

::

    AichatsError
    ├── ConfigurationError            an environment variable is missing or wrong
    ├── SecretError                   a secret cannot be used; says which, and what to type
    │   └── SecretUnavailableError    it cannot be read just now; that may pass
    ├── InputError                    what was asked for is wrong; names the field
    ├── UnreadableError               a row of a table cannot be read by this version of the code
    ├── RenderError                   a template gave nothing usable (aichats.templates.render)
    ├── SignatureError                a delivery is not Whop's (aichats.whop.webhooks)
    ├── StaleError                    If-Match does not hold (aichats.automations.conditions)
    ├── SchedulerError                EventBridge Scheduler did not do it (aichats.automations.scheduler)
    └── ProviderError                 a provider did not do what was asked
        ├── APIConnectionError        not reached: surely nothing was done
        │   └── APITimeoutError       no (whole) answer within the limit
        ├── APIStatusError            it answered, and refused
        │   ├── BadRequestError           400
        │   ├── AuthenticationError       401
        │   ├── PermissionDeniedError     403
        │   ├── NotFoundError             404
        │   ├── ConflictError             409
        │   ├── GoneError                 410
        │   ├── UnprocessableEntityError  422
        │   ├── RateLimitError            429
        │   └── InternalServerError       500 and above
        ├── ProtocolError             it said that it did it, in words that cannot be read
        └── OutcomeUnknownError       it may or may not have been done

Which errors the client repeats by itself is written in :mod:`aichats.http.retry`.
"""

from collections.abc import Sequence
from http import HTTPStatus


class AichatsError(Exception):
    """Root of all errors of this package. The message is meant for people and holds no secret.

    Attributes:
        run_id: the run that failed, where it happened in one.
    """

    run_id: str | None = None


class ConfigurationError(AichatsError):
    """An environment variable is missing or wrong."""


class SecretError(AichatsError):
    """A secret is missing, empty, malformed, oversized or forbidden.

    Attributes:
        name: the secret's name in Secrets Manager.
        problem: what is wrong with it.
        remedy: what to do about it.
    """

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"secret {name} {problem}. {remedy}")
        self.name = name
        self.problem = problem
        self.remedy = remedy


class SecretUnavailableError(SecretError):
    """A secret can't be read right now: Secrets Manager throttles, fails or doesn't answer. Trying again may help."""


class InputError(AichatsError):
    """What was asked for is refused whole; nothing was done.

    Attributes:
        problems: (field, what is wrong with it), one or more; the field as a dotted path.
    """

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in problems))
        self.problems = tuple(problems)


class UnreadableError(AichatsError):
    """A row of a table cannot be read by this version of the code. Says which fields, and shows no value."""


class ProviderError(AichatsError):
    """A provider did not do what was asked.

    Attributes:
        provider: ``whop`` or ``kodey``.
        reason: what happened, without provider, request id and hint.
        request_id: the provider's id of the request, for its support, if it gave one.
        hint: what may help, or an empty string.
        chat_id: the chat that exists all the same, if one does.
    """

    def __init__(self, message: str, *, provider: str, request_id: str | None = None, hint: str = "") -> None:
        about = f" (request {request_id})" if request_id else ""
        super().__init__(f"{provider}: {message}{about}" + (f" Hint: {hint}" if hint else ""))
        self.provider = provider
        self.reason = message
        self.request_id = request_id
        self.hint = hint
        self.chat_id: str | None = None


class APIConnectionError(ProviderError):
    """The provider was not reached, or the connection broke on a call that may be repeated."""


class APITimeoutError(APIConnectionError):
    """No whole answer came within the call's limit."""


class APIStatusError(ProviderError):
    """The provider answered, and refused.

    Attributes:
        status: the HTTP status.
        code: the provider's machine-readable code, if any, such as ``idempotency_key_mismatch``.
        error_type: the provider's own type of error, if any, such as ``forbidden``.
        param: the field that the provider complains about, if it says so.
        retry_after: seconds after which the provider says that it can be tried again.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        status: int,
        code: str | None = None,
        error_type: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        named = " ".join(part for part in (str(status), code or error_type or "") if part)
        field = f" [{param}]" if param else ""
        super().__init__(f"{named}{field}: {message}", provider=provider, request_id=request_id, hint=hint)
        self.status = status
        self.code = code
        self.error_type = error_type
        self.param = param
        self.retry_after = retry_after


class BadRequestError(APIStatusError):
    """400: the request is wrong."""


class AuthenticationError(APIStatusError):
    """401: the credential is missing or not taken."""


class PermissionDeniedError(APIStatusError):
    """403: the credential may not do this."""


class NotFoundError(APIStatusError):
    """404: there is no such thing, or the credential may not see it."""


class ConflictError(APIStatusError):
    """409: another request with the same idempotency key is in progress."""


class GoneError(APIStatusError):
    """410: the provider has retired this endpoint."""


class UnprocessableEntityError(APIStatusError):
    """422: understood, and refused."""


class RateLimitError(APIStatusError):
    """429: too many requests; nothing was done."""


class InternalServerError(APIStatusError):
    """500 and above: the provider failed."""


STATUS_ERRORS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def status_error(status: int) -> type[APIStatusError]:
    """The class for a status; plain :class:`APIStatusError` for one that has no class of its own."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return InternalServerError
    return STATUS_ERRORS.get(status, APIStatusError)


class ProtocolError(ProviderError):
    """A 2xx answer that cannot be read. What was asked for *was* done, so a create is never repeated."""

    def __init__(
        self, message: str, *, provider: str, request_id: str | None = None, chat_id: str | None = None
    ) -> None:
        super().__init__(message, provider=provider, request_id=request_id)
        self.chat_id = chat_id


class OutcomeUnknownError(ProviderError):
    """The request may have taken effect or not: it must not be repeated without looking first.

    The error that made it unknown is the ``__cause__``.
    """
