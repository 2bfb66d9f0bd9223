"""`--debug` and AICHATS_DEBUG: the requests and responses of a command, without secrets."""

from datetime import timedelta

import httpx
import pytest

from aichats_cli.trace import exchange
from tests.support.cli import ADDRESS, Cli
from tests.support.lambda_calls import LOCAL

TOOK = timedelta(milliseconds=143)


def test_debug_shows_the_request_and_the_response_on_standard_error(cli: Cli) -> None:
    done = cli("auto", "list", "-o", "json", "--debug")

    assert done.json == []
    request, response, body = done.err.splitlines()
    assert request == f"→ GET {ADDRESS}/automations?limit=100"
    assert response.startswith("← 200 in 0 ms")
    assert body.startswith('  {"data": []')


def test_a_variable_turns_it_on_for_all_commands(cli: Cli) -> None:
    cli.variables["AICHATS_DEBUG"] = "1"

    assert "← 200" in cli("auto", "list").err


def test_the_token_is_not_shown(cli: Cli) -> None:
    assert LOCAL not in cli("auto", "list", "--debug").err


def test_a_failed_connection_is_shown(cli: Cli) -> None:
    def cut(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    cli.interfere = cut

    assert cli("auto", "list", "--debug").err.count("← ConnectError in 0 ms: refused") == 4


@pytest.mark.parametrize(
    "body",
    [
        {"secret": "hush"},
        {"data": [{"signing_secret": "hush"}]},
        {"tokens": {"access": "hush"}},
        {"upload_url": "https://files.example/hush?X-Amz-Signature=hush"},
        {"url": "https://hooks.slack.com/services/hush"},
        {"Authorization": "Bearer hush"},
    ],
)
def test_secrets_in_bodies_are_hidden(body: object) -> None:
    request = httpx.Request("PUT", f"{ADDRESS}/subscriptions/slack", json=body)
    response = httpx.Response(200, json=body, headers={"x-request-id": "Abc="})

    shown = exchange(request, response, TOOK)

    assert shown.count("(hidden)") == 2
    assert "hush" not in shown
    assert "← 200 in 143 ms, request Abc=" in shown


def test_numbers_and_texts_of_other_fields_are_shown() -> None:
    response = httpx.Response(200, json={"tokens": 1200, "message_text": "Grüße"})

    assert '{"tokens": 1200, "message_text": "Grüße"}' in exchange(httpx.Request("GET", ADDRESS), response, TOOK)


def test_files_are_shown_by_their_size() -> None:
    request = httpx.Request("PUT", ADDRESS, content=b"\xff\x00", headers={"content-type": "application/pdf"})

    assert "  2 bytes, application/pdf" in exchange(request, httpx.Response(204), TOOK)


def test_a_file_that_is_sent_in_parts_is_left_out() -> None:
    request = httpx.Request("POST", ADDRESS, files={"file": b"hush"})

    assert "hush" not in exchange(request, httpx.Response(204), TOOK)


def test_a_long_body_is_cut() -> None:
    shown = exchange(httpx.Request("GET", ADDRESS), httpx.Response(200, json=["x" * 9000]), TOOK)

    assert shown.endswith("… (9004 characters)")
