"""A client that openapi-python-client generates from the committed document works with the API."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from aichats.api.app import create_api
from local.generate import OPENAPI_JSON
from local.judges import OPENAPI_CLIENT
from tests.support.automations import scheduled
from tests.support.commands import run_command
from tests.support.fakes import ScriptedTransport
from tests.support.lambda_calls import LOCAL, HttpCaller, make_application
from tests.support.npm import require

PACKAGE = "generated_aichats_client"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A generated client that can be imported."""
    generator = OPENAPI_CLIENT / "bin" / "openapi-python-client"
    require(generator)
    folder = tmp_path_factory.mktemp("client")
    (folder / "config.yaml").write_text("post_hooks: []\n")
    options = ["--path", str(OPENAPI_JSON), "--meta", "none", "--config", "config.yaml"]
    generated = run_command(generator, "generate", *options, "--fail-on-warning", "--output-path", PACKAGE, cwd=folder)
    assert generated.returncode == 0, generated.stdout + generated.stderr
    sys.path.insert(0, str(folder))
    yield folder / PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def imported(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.{name}")


@pytest.fixture
def client(package: Path) -> Any:
    """A generated client of the API in this process."""
    assert package.is_dir()
    api = HttpCaller(create_api(make_application(ScriptedTransport())).resolve)

    def send(request: httpx.Request) -> httpx.Response:
        query = request.url.query.decode()
        answer = api(
            request.method,
            request.url.path,
            request.content.decode() or None,
            query=query,
            token=request.headers["authorization"],
            headers={name: request.headers.get(name) for name in ("content-type", "idempotency-key", "if-match")},
        )
        return httpx.Response(answer.status, headers=dict(answer.headers), text=answer.body)

    made = imported("client").AuthenticatedClient(base_url="https://aichats.invalid", token=LOCAL)
    headers = {"Authorization": f"Bearer {LOCAL}"}
    transport = httpx.MockTransport(send)
    return made.set_httpx_client(httpx.Client(base_url="https://aichats.invalid", headers=headers, transport=transport))


def call(client: Any, operation: str, *arguments: Any, **options: Any) -> Any:
    """Return the parsed answer of an operation, such as ``automations.put_automation``."""
    return imported(f"api.{operation}").sync(*arguments, client=client, **options)


def test_an_automation_is_created_listed_run_and_deleted(client: Any) -> None:
    models = imported("models")
    automation = models.AutomationBody.from_dict(scheduled("cron(0 9 ? * MON *)"))

    stored = call(client, "automations.put_automation", "weekly", body=automation)
    listed = call(client, "automations.list_automations")
    started = call(client, "automations.run_automation", "weekly")
    runs = call(client, "runs.list_runs", automation="weekly")

    assert (stored.name, stored.state, stored.warnings) == ("weekly", models.State.ACTIVE, [])
    assert [(each.name, each.next_at) for each in listed.data] == [("weekly", stored.next_at)]
    assert [run.run_id for run in runs.data] == started.run_ids
    assert runs.data[0].status is models.RunStatus.PENDING
    assert imported("api.automations.delete_automation").sync_detailed("weekly", client=client).status_code == 204


def test_an_error_is_a_problem_with_its_type(client: Any) -> None:
    problem = call(client, "automations.get_automation", "unknown")

    assert isinstance(problem, imported("models").Problem)
    assert (problem.status, problem.type_) == (404, "/docs/problems#not-found")


def test_an_unknown_field_is_named(client: Any) -> None:
    automation = imported("models").AutomationBody.from_dict(scheduled())
    automation.trigger.expression = "every monday"

    problem = call(client, "automations.put_automation", "weekly", body=automation)

    assert [error.field for error in problem.errors] == ["trigger.expression"]
