"""The tree of errors, and their messages."""

import importlib
import inspect
import pkgutil
import re

import pytest

import aichats
from aichats import errors
from aichats.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    BadRequestError,
    ConflictError,
    InputError,
    InternalServerError,
    OutcomeUnknownError,
    ProtocolError,
    ProviderError,
    SecretError,
    status_error,
)

STATUSES = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    410: errors.GoneError,
    422: errors.UnprocessableEntityError,
    429: errors.RateLimitError,
    500: errors.InternalServerError,
    503: errors.InternalServerError,
    999: errors.InternalServerError,
    300: errors.APIStatusError,
    402: errors.APIStatusError,
    499: errors.APIStatusError,
}


@pytest.mark.parametrize(("status", "error"), STATUSES.items())
def test_each_status_has_its_class(status: int, error: type[APIStatusError]) -> None:
    assert status_error(status) is error


def public_errors() -> dict[str, type[Exception]]:
    """Return the public errors of all modules of the package, by name."""
    modules = [importlib.import_module(module.name) for module in pkgutil.walk_packages(aichats.__path__, "aichats.")]
    members = [member for module in modules for member in vars(module).values() if inspect.isclass(member)]
    ours = [member for member in members if member.__module__.startswith("aichats.") and issubclass(member, Exception)]
    return {member.__name__: member for member in ours if not member.__name__.startswith("_")}


def test_the_head_of_the_module_shows_each_error_of_the_package_below_its_parent_with_its_module() -> None:
    parents: list[tuple[int, str]] = []
    shown = {}
    for indent, name, text in re.findall(r"^    ([ │├└─]*)(\w+Error)\b(.*)$", errors.__doc__ or "", re.MULTILINE):
        parents = [(depth, parent) for depth, parent in parents if depth < len(indent)]
        module = re.search(r"\((aichats\.[\w.]+)\)$", text)
        shown[name] = (parents[-1][1] if parents else "Exception", module[1] if module else "aichats.errors")
        parents.append((len(indent), name))

    defined = {name: (error.__bases__[0].__name__, error.__module__) for name, error in public_errors().items()}
    assert defined.pop("ExpressionError") == ("ValueError", "aichats.schedules.expressions")
    assert defined.pop("RecordError") == ("ValueError", "aichats.records")
    assert shown == defined


def test_a_timeout_is_a_connection_error() -> None:
    with pytest.raises(APIConnectionError, match="whop: too slow"):
        raise APITimeoutError("too slow", provider="whop")


def test_a_refusal_says_status_code_field_message_request_and_hint() -> None:
    error = BadRequestError(
        "too long",
        provider="whop",
        status=400,
        code="parameter_invalid",
        error_type="invalid_request_error",
        param="title",
        request_id="req_1",
        retry_after=3.0,
        hint="cut it",
    )
    assert str(error) == "whop: 400 parameter_invalid [title]: too long (request req_1) Hint: cut it"
    assert (error.reason, error.hint) == ("400 parameter_invalid [title]: too long", "cut it")
    assert (error.status, error.code, error.error_type, error.param) == (
        400,
        "parameter_invalid",
        "invalid_request_error",
        "title",
    )
    assert (error.provider, error.request_id, error.retry_after) == ("whop", "req_1", 3.0)


def test_a_refusal_that_says_little_is_short() -> None:
    assert str(ConflictError("in use", provider="whop", status=409)) == "whop: 409: in use"
    assert str(InternalServerError("broken", provider="whop", status=500, error_type="internal")) == (
        "whop: 500 internal: broken"
    )


def test_an_error_of_a_provider_names_the_chat_that_exists_all_the_same() -> None:
    assert ProtocolError("unreadable", provider="whop", chat_id="aich_1").chat_id == "aich_1"
    assert OutcomeUnknownError("lost", provider="whop").chat_id is None
    assert ProviderError("lost", provider="whop").run_id is None


def test_bad_input_names_every_field() -> None:
    error = InputError([("title", "is too long"), ("targets.3", "is no chat")])
    assert str(error) == "title: is too long; targets.3: is no chat"
    assert error.problems == (("title", "is too long"), ("targets.3", "is no chat"))


def test_a_secret_error_says_which_secret_what_is_wrong_and_what_to_do() -> None:
    error = SecretError("aichats/dev/whop", "is empty", "Fill it.")
    assert (str(error), error.name) == ("secret aichats/dev/whop is empty. Fill it.", "aichats/dev/whop")
