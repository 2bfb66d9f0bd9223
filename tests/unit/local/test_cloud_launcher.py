"""The launcher's own parts; it runs in tests/e2e."""

import queue
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.cloud import launcher
from tests.support.commands import run_command

CONFIG: dict[str, Any] = {
    "FunctionName": "run-schedule",
    "FunctionArn": "arn:aws:lambda:eu-west-1:000000000000:function:run-schedule",
    "Runtime": "python3.13",
    "Handler": "app.lambda_handler",
    "MemorySize": 512,
    "Version": "$LATEST",
    "Environment": {"Variables": {"OWN": "1", "AWS_ENDPOINT_URL": "", "AWS_REGION": "elsewhere"}},
    "LoggingConfig": {"LogGroup": "/logs"},
}


def test_another_version_of_ministack_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "version", lambda _name: "9.9.9")
    with pytest.raises(SystemExit, match=r"ministack 9\.9\.9 is installed, .*\. Run `make setup`"):
        launcher.main("python", 3)


def test_a_function_sees_its_own_variables_and_lambdas_but_nothing_of_the_emulators(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setenv("DEVELOPERS_OWN", "secret")
    environment = launcher.lambda_environment(CONFIG, "/code", "/layers")
    assert environment["OWN"] == "1"
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environment["AWS_REGION"] == "eu-west-1"
    assert environment["PYTHONPATH"] == "/layers/python"
    assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == "/logs"
    assert "DEVELOPERS_OWN" not in environment


def test_a_package_may_have_its_modules_in_several_layers(tmp_path: Path) -> None:
    layers = [tmp_path / "first", tmp_path / "second"]
    for number, layer in enumerate(layers):
        (layer / "python" / "package").mkdir(parents=True)
        (layer / "python" / "package" / f"module_{number}.py").write_text("")

    whole = launcher.merged(tmp_path, [str(layer) for layer in layers])

    assert {file.name for file in Path(whole, "python", "package").iterdir()} == {"module_0.py", "module_1.py"}
    assert launcher.merged(tmp_path, [str(layer) for layer in layers]) == whole


def test_the_bootstrap_starts_the_runtime_client_even_from_a_path_with_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "my project"
    folder.mkdir()
    python = folder / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    bootstrap = launcher.write_bootstrap(folder, str(python))
    printed = run_command(bootstrap, env={"_HANDLER": "app.lambda_handler"}, check=True)
    assert printed.stdout == "-m awslambdaric app.lambda_handler\n"


def worker(*lines: str, init_error: object = None) -> SimpleNamespace:
    """Return a worker with the fields that the wrapped method reads."""
    pending: queue.Queue[str] = queue.Queue()
    for line in lines:
        pending.put(line)
    return SimpleNamespace(_init_error=init_error, _stderr_queue=pending)


def not_starting(*_call: object) -> dict[str, Any]:
    raise RuntimeError("bootstrap exited during init with code 1")


def test_a_result_is_passed_on_as_it_is() -> None:
    result = {"status": "ok", "result": {"a": 1}, "log": "line"}
    assert launcher.reporting_failures(lambda *_: result)(worker(), {}, "id") == result


def test_a_function_that_cannot_be_imported_answers_with_its_own_error_and_logs() -> None:
    error = {"errorType": "Runtime.ImportModuleError", "errorMessage": "no module named x", "stackTrace": []}
    result = launcher.reporting_failures(not_starting)(worker("one", "two", init_error=error), {}, "id")
    assert result == {"status": "error", "error_payload": error, "log": "one\ntwo"}


def test_a_function_that_exits_while_it_starts_is_reported_as_on_lambda() -> None:
    result = launcher.reporting_failures(not_starting)(worker("bye"), {}, "id")
    assert result["error_payload"]["errorType"] == "Runtime.ExitError"
    assert result["log"] == "bye\nid bootstrap exited during init with code 1"


def test_a_timeout_is_in_the_log() -> None:
    payload = {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 2.00 seconds"}
    failed = {"status": "error", "error_payload": payload, "log": "working"}
    result = launcher.reporting_failures(lambda *_: failed)(worker(), {}, "id")
    assert result["log"] == "working\nid Task timed out after 2.00 seconds"
