"""The errors that this package raises on purpose.

::

    AichatsError
    ├── ConfigurationError            an environment variable is missing or invalid
    ├── SecretError                   a secret can't be used; the message says what to type
    │   └── SecretUnavailableError    a secret can't be read now; a retry may help
    ├── InputError                    a request is invalid; the error names the fields
    ├── AttachmentError               a file can't be attached
    │   └── AttachmentUnavailableError    a file can't be fetched now; a retry may help
    ├── ForbiddenUrlError             a URL may not be requested (aichats.http.public_urls)
    ├── ReceiverError                 a receiver did not accept an event (aichats.http.receiver)
    ├── UnreadableError               this version of the code can't read a row of a table
    │   └── TextExpiredError          the text of a run is no longer kept (aichats.runs.ledger.texts)
    ├── TemplateError                 a template is invalid (aichats.templates.syntax)
    ├── BudgetError                   a template takes too many steps (aichats.templates.budget)
    ├── RenderError                   a template has no usable result (aichats.templates.render)
    ├── SignatureError                a delivery is not from Whop (aichats.whop.webhooks)
    ├── StaleError                    the If-Match condition of a request failed (aichats.automations.conditions)
    ├── TooManySubscriptionsError     a stack can have no more subscriptions (aichats.subscriptions.table)
    ├── SchedulerError                EventBridge Scheduler rejected a change (aichats.automations.scheduler)
    ├── ConditionFailedError          DynamoDB rejected a conditional write (aichats.aws.writes)
    ├── LimitExceededError            an addition would exceed a limit (aichats.aws.transactions)
    ├── TooMuchUsageError             an answer about usage has too many parts (aichats.events.usage_reads)
    ├── TooManyRedeliveriesError      events are delivered again too often (aichats.subscriptions.redeliver)
    ├── NotPublishedError             some events were not published (aichats.outbox.publish)
    ├── LedgerConflictError           the ledger rejected a change of a run (aichats.runs.ledger.row_changes)
    ├── NotReplayableError            a run can't be replayed (aichats.runs.replay)
    ├── StopError                     a run can't continue now (aichats.runs.decisions)
    ├── LockedError                   another run has the lock (aichats.runs.ledger.locks)
    ├── QueueError                    SQS did not accept a message (aichats.runs.queue)
    ├── UnreadableMessageError        this version of the code can't read a message (aichats.runs.queue_messages)
    ├── NotYetError                   a run must wait (aichats.runs.providers.port)
    ├── SupersededError               a newer change was performed (aichats.runs.providers.port)
    ├── RejectedError                 the HTTP API rejects a call (aichats.api.problems)
    │   └── RunFailedError            the run of a call failed (aichats.api.problems)
    └── ProviderError                 a provider did not perform a call
        ├── APIConnectionError        the provider was not reached; it did nothing
        │   └── APITimeoutError       there was no complete response within the limit
        ├── APIStatusError            the provider rejected the call
        │   ├── BadRequestError           400
        │   ├── AuthenticationError       401
        │   ├── PermissionDeniedError     403
        │   ├── NotFoundError             404
        │   ├── ConflictError             409
        │   ├── GoneError                 410
        │   ├── UnprocessableEntityError  422
        │   ├── RateLimitError            429
        │   └── InternalServerError       500 and above
        ├── ProtocolError             the provider performed the call, but its answer can't be read
        └── OutcomeUnknownError       the provider may have performed the call

    AwsError                          a call to AWS failed (aichats.aws.errors)
    ├── NoResponseError               AWS did not answer (aichats.aws.errors)
    └── ResponseError                 AWS answered with an error (aichats.aws.errors)

:mod:`aichats.schedules` imports nothing of this package, so its ``ExpressionError`` is a plain ``ValueError``. The
``RecordError`` of :mod:`aichats.records` is one too. Those who read a record turn it into an error of their own.
:mod:`aichats.http.retry` says which errors the clients retry.
"""

from collections.abc import Sequence
from http import HTTPStatus


class AichatsError(Exception):
    """The base class of all errors of this package. The message is for people and contains no secret.

    Attributes:
        run_id: the run that failed, if the error happened in a run.
    """

    run_id: str | None = None


class ConfigurationError(AichatsError):
    """An environment variable is missing or invalid."""


class SecretError(AichatsError):
    """A secret is missing, empty, malformed, oversized or forbidden.

    Attributes:
        name: the secret's name in Secrets Manager.
        problem: the problem with the secret.
        remedy: a sentence that says how to fix the problem.
    """

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"secret {name} {problem}. {remedy}")
        self.name = name
        self.problem = problem
        self.remedy = remedy


class SecretUnavailableError(SecretError):
    """A secret can't be read now, because Secrets Manager throttles, fails or doesn't answer. A retry may help."""


class InputError(AichatsError):
    """A request is invalid as a whole, and nothing was done.

    Attributes:
        problems: one or more pairs of a field, as a dotted path, and its problem.
    """

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in problems))
        self.problems = tuple(problems)


class AttachmentError(AichatsError):
    """A file can't be attached: it may not be fetched, it doesn't exist, or it is too large."""


class AttachmentUnavailableError(AttachmentError):
    """A file can't be fetched now. A retry may help.

    Attributes:
        retry_after: the seconds that the server asks to wait before a retry, if it names them.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnreadableError(AichatsError):
    """This version of the code can't read a row of a table. The message names fields and shows no value."""


class ProviderError(AichatsError):
    """A provider did not perform a call.

    Attributes:
        provider: ``whop`` or ``kodey``.
        reason: the message without provider, request id and hint.
        request_id: the provider's id of the request, for its support team; ``None`` if there is none.
        hint: a possible fix; empty if there is none.
        chat_id: the chat that exists although the call failed, if there is one.
    """

    def __init__(
        self, message: str, *, provider: str, request_id: str | None = None, hint: str = "", chat_id: str | None = None
    ) -> None:
        request = f" (request {request_id})" if request_id else ""
        super().__init__(f"{provider}: {message}{request}" + (f" Hint: {hint}" if hint else ""))
        self.provider = provider
        self.reason = message
        self.request_id = request_id
        self.hint = hint
        self.chat_id = chat_id


class APIConnectionError(ProviderError):
    """The provider was not reached, or the connection broke during a call that may be repeated."""


class APITimeoutError(APIConnectionError):
    """The provider did not respond completely within the call's time limit."""


class APIStatusError(ProviderError):
    """The provider rejected the call.

    Attributes:
        status: the HTTP status.
        code: the provider's machine-readable code, such as ``idempotency_key_mismatch``, if there is one.
        error_type: the provider's own type of error, such as ``forbidden``, if there is one.
        param: the invalid field, if the provider names it.
        retry_after: the seconds that the provider asks to wait before a retry, if it names them.
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
        label = " ".join(part for part in (str(status), code or error_type or "") if part)
        field = f" [{param}]" if param else ""
        super().__init__(f"{label}{field}: {message}", provider=provider, request_id=request_id, hint=hint)
        self.status = status
        self.code = code
        self.error_type = error_type
        self.param = param
        self.retry_after = retry_after


class BadRequestError(APIStatusError):
    """400: the request is invalid."""


class AuthenticationError(APIStatusError):
    """401: the credential is missing or invalid."""


class PermissionDeniedError(APIStatusError):
    """403: the credential does not allow this call."""


class NotFoundError(APIStatusError):
    """404: the object does not exist, or the credential may not read it."""


class ConflictError(APIStatusError):
    """409: another request with the same idempotency key is in progress."""


class GoneError(APIStatusError):
    """410: the provider has retired this endpoint."""


class UnprocessableEntityError(APIStatusError):
    """422: the provider understood the request and rejected it."""


class RateLimitError(APIStatusError):
    """429: the provider received too many requests and did nothing."""


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
    """Return the class for a status; :class:`APIStatusError` if the status has no class of its own."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return InternalServerError
    return STATUS_ERRORS.get(status, APIStatusError)


class ProtocolError(ProviderError):
    """The provider performed the call, but its answer can't be read. A create is never repeated after this error."""


class OutcomeUnknownError(ProviderError):
    """The provider may have performed the call, so aichats checks before it repeats the call.

    The error that made the outcome unknown is the ``__cause__``.
    """
