"""The description of a local stack."""

import httpx
import pytest

from aichats_cli.errors import CommandError
from aichats_cli.local_stack import LocalStack, describe
from aichats_cli.session import Session
from aichats_cli.system import System

ABOUT = {
    "stack": "aichats-local",
    "region": "eu-west-1",
    "aws": {"endpoint_url": "http://127.0.0.1:4566", "access_key_id": "000000000000", "secret_access_key": "local"},
    "mocks": {"whop": "http://127.0.0.1:8001", "kodey": "http://127.0.0.1:8002", "receiver": "http://127.0.0.1:8003"},
    "functions": ["http-api", "perform-runs"],
}


def described(response: httpx.Response, url: str = "http://127.0.0.1:3000") -> LocalStack:
    """Return what a command learns from a stack at a URL that answers with this response."""
    transport = httpx.MockTransport(lambda _: response)
    variables = {"AICHATS_URL": url, "AICHATS_TOKEN": "local-token"}
    return describe(Session(System(variables=variables, transport=transport, sleep=lambda _: None)))


def test_the_stack_names_its_aws_and_its_mock_servers() -> None:
    stack = described(httpx.Response(200, json=ABOUT))

    assert (stack.stack, stack.mocks["whop"]) == ("aichats-local", "http://127.0.0.1:8001")
    assert stack.environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert stack.environment["AWS_REGION"] == "eu-west-1"


@pytest.mark.parametrize("url", ["https://api.example", "http://127.0.0.1.example", "http://example/127.0.0.1"])
def test_an_address_elsewhere_is_not_asked_because_commands_send_secrets_to_the_aws_that_it_names(url: str) -> None:
    with pytest.raises(CommandError, match="is not a local stack"):
        described(httpx.Response(200, json=ABOUT), url)


@pytest.mark.parametrize(
    "response",
    [httpx.Response(404, json={"detail": "the path doesn't exist"}), httpx.Response(200, json=[]), httpx.Response(204)],
)
def test_another_program_at_the_address_is_an_error_that_says_how_to_start_the_stack(response: httpx.Response) -> None:
    with pytest.raises(CommandError, match="is not a stack of `aichats dev`") as error:
        described(response)

    assert error.value.hint == "start it in another terminal: aichats dev"


def test_a_problem_of_the_stack_is_shown_as_it_is() -> None:
    with pytest.raises(CommandError, match="a part doesn't answer"):
        described(httpx.Response(502, json={"message": "a part doesn't answer"}))
