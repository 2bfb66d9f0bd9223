"""A stack that is deployed in AWS: `make e2e STACK=aichats-dev`. It changes nothing there, and creates no chat."""

import json
import os
from collections.abc import Callable
from typing import Any

import boto3
import httpx
import pytest

STACK = os.environ.get("AWS_SAM_STACK_NAME", "")

pytestmark = pytest.mark.skipif(not STACK, reason="no deployed stack named: make e2e STACK=aichats-dev")


@pytest.fixture(scope="module")
def outputs() -> dict[str, str]:
    described = boto3.client("cloudformation").describe_stacks(StackName=STACK)
    return {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0]["Outputs"]}


@pytest.fixture
def get(outputs: dict[str, str]) -> Callable[[str], httpx.Response]:
    return lambda path: httpx.get(outputs["ApiUrl"] + path, timeout=30)


def test_the_api_is_there(get: Callable[[str], httpx.Response]) -> None:
    assert (get("/health").status_code, get("/health").json()) == (200, {"status": "ok"})
    assert get("/").json() == {"console": "/console", "docs": "/docs", "openapi": "/openapi.json"}


def test_the_document_and_its_page_need_no_token(get: Callable[[str], httpx.Response]) -> None:
    assert get("/openapi.json").json()["openapi"] == "3.1.0"
    assert get("/docs").headers["content-type"] == "text/html"


@pytest.mark.parametrize("path", ["/chats", "/chats/aich_1", "/chats/..%2f..%2fsecrets", "/nothing"])
def test_a_call_without_a_token_is_rejected(get: Callable[[str], httpx.Response], path: str) -> None:
    answer = get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_an_event_without_a_time_raises(outputs: dict[str, str]) -> None:
    event: dict[str, Any] = {
        "automation": "e2e",
        "scheduled_time": "<aws.scheduler.scheduled-time>",
        "action": {"type": "whop.create_chat", "message_text": "never sent"},
        "targets": [None],
    }
    answer = boto3.client("lambda").invoke(FunctionName=outputs["RunScheduleFunction"], Payload=json.dumps(event))

    assert answer["FunctionError"] == "Unhandled"
    assert "scheduled_time" in json.loads(answer["Payload"].read())["errorMessage"]
