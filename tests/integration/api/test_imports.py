"""The modules that a call imports in a new process: those of its own route, and of no other."""

import json
import os
import sys
from functools import cache

import pytest

from tests.support.commands import run_command
from tests.support.lambda_calls import LOCAL, SECRETS

CODE = """
import json, sys
from copy import replace
from types import SimpleNamespace

sys.path.insert(0, "functions/http_api")
import app as function

method, path, body, secrets, token = json.loads(sys.argv[1])
# Only DynamoDB, the queues and the secrets are replaced.
run = SimpleNamespace(current=lambda now: None)
def perform(run, lease):
    from aichats.runs.ledger.rows import Row
    from aichats.runs.perform import outcome_of
    now = function.app.ledger.clock()
    row = Row(run, "succeeded", attempts=1, key_number=1, created_at=now, opened_at=now, updated_at=now, due_at=None)
    return replace(outcome_of(replace(row, result={"chat": {"id": "aich_1"}}, chat_id="aich_1")), performed=True)
function.app.__dict__["dispatcher"] = SimpleNamespace(stack_pause=run, perform=perform)
function.app.secrets = SimpleNamespace(read=lambda name, kind: kind.parse(name, secrets))
function.api._last_use = SimpleNamespace(note=lambda caller: None)
stage = {"http": {"method": method, "path": path}, "domainName": "example.com", "stage": "$default"}
headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
event = {"requestContext": stage, "rawPath": path, "rawQueryString": "", "headers": headers, "body": body}
context = SimpleNamespace(
    aws_request_id="1", function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", function_version="1",
    get_remaining_time_in_millis=lambda: 29000,
)
answer = function.lambda_handler(event, context)
print(json.dumps([answer["statusCode"], *sys.modules]))
"""
ROUTES = "aichats.api.routes."
NEVER = {"aws_lambda_powertools.event_handler", "aws_lambda_powertools.utilities.data_classes"}
"""Modules that no call of a route needs."""


@cache
def called(method: str, path: str, body: str | None = None) -> tuple[int, set[str]]:
    """Return the status of a call in a new process, and the modules that are imported then."""
    arguments = json.dumps([method, path, body, SECRETS["aichats/dev/callers"], LOCAL])
    done = run_command(sys.executable, "-c", CODE, arguments, env=dict(os.environ), check=True)
    status, *modules = json.loads(done.stdout.splitlines()[-1])
    return status, set(modules)


CALLS = [
    ("POST", "/chats", '{"message_text": "hello", "company_id": "biz_A"}', 201, {"create_chat"}),
    ("GET", "/me", None, 200, {"me"}),
    ("GET", "/runs/x", None, 422, {"runs"}),
    ("GET", "/console", None, 200, set()),
    ("GET", "/openapi.json", None, 200, set()),
    ("GET", "/docs/problems", None, 200, set()),
    ("GET", "/nowhere", None, 404, set()),
    ("PUT", "/chats", None, 405, set()),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "routes"), CALLS)
def test_a_call_imports_its_own_route_and_no_other(
    method: str, path: str, body: str | None, status: int, routes: set[str]
) -> None:
    answered, modules = called(method, path, body)

    assert answered == status
    assert {name.removeprefix(ROUTES) for name in modules if name.startswith(ROUTES)} == routes | {"index"}
    assert modules & NEVER == set()


@pytest.mark.parametrize(("method", "path", "body"), [call[:3] for call in CALLS if not call[4]])
def test_a_page_and_a_path_that_is_not_there_need_nothing_to_make_the_document(
    method: str, path: str, body: str | None
) -> None:
    _, modules = called(method, path, body)

    assert modules & {"aichats.api.openapi", "aichats.api.every_operation", "aichats.api.problem_view"} == set()


def test_creating_a_chat_imports_neither_its_models_nor_forms_nor_the_company_limit_of_others() -> None:
    _, modules = called(*CALLS[0][:3])

    names = ("chat_input", "run_view", "forms", "console", "content_policy", "documentation", "problem_view", "cursors")
    assert modules & {f"aichats.api.{name}" for name in names} == set()
    assert modules & {"aichats.automations.model", "aichats.automations.scheduler", "aichats.events.model"} == set()
