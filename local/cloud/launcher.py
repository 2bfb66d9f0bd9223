"""Start ministack so that functions run in Lambda's own runtime client, and so that it ends with its parent.

The interpreter of `.tools/cloud` runs this module: `python -m local.cloud.launcher RUNTIME_PYTHON LISTENER`. LISTENER
is the file descriptor of a listening socket. The module changes ministack:

- It serves on that socket, because another program may use the port that ministack would choose.
- Functions run as `awslambdaric` under RUNTIME_PYTHON, on ministack's Runtime API for `provided.*`. So a function has
  the same tracebacks, context and version of boto3 as on AWS, and sees nothing of this environment.
- A function that doesn't start, dies or takes too long answers and logs as on Lambda.
- The end of a function's log has the request id, as on Lambda.
- ministack doesn't fire schedules, because it supports no time zones. `local.cloud.scheduler` fires them.
- CloudFormation creates schedules with all their properties, and accepts a parameter as a queue's maximum concurrency.
- Batch calls to SQS need the permissions of the single calls, as on AWS, which has no actions for batches.
- Permissions compare the group of a schedule. ministack always uses the default group.

These are private parts of ministack, so the module checks ministack's version first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import shlex
import shutil
import socket
import sys
import tempfile
from importlib import import_module
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from typing import Any

from local.attached import end_with_parent

TESTED_VERSION = "1.5.33"
LEFT_OUT = ("ScheduleExpressionTimezone", "StartDate", "EndDate", "ActionAfterCompletion")
"""Properties of a schedule that ministack's CloudFormation ignores."""


def main(runtime_python: str, listener: int) -> None:
    """Serve until the parent ends or a signal arrives."""
    installed = version("ministack")
    if installed != TESTED_VERSION:
        sys.exit(f"ministack {installed} is installed, but the local AWS needs {TESTED_VERSION}. Run `make setup`")
    end_with_parent(remove=tempfile.gettempdir())
    serve_on(listener)
    run_functions_in_lambda_runtime(Path(tempfile.gettempdir()), runtime_python)
    replace("ministack.services.scheduler", "start_scheduler", lambda: None)
    keep_all_of_schedules()
    take_concurrency_for_a_number()
    judge_batches_as_single_calls()
    judge_schedules_by_their_group()
    import_module("ministack.app").main()


def serve_on(listener: int) -> None:
    """Accept connections from this listening socket."""
    replace("hypercorn.config", "Config._create_sockets", lambda *_: [socket.socket(fileno=listener)])
    # ministack stops if its port is in use. Port 0 never is.
    replace("ministack.app", "_resolve_port", lambda: "0")


def run_functions_in_lambda_runtime(folder: Path, runtime_python: str) -> None:
    """Run every function like a `provided.*` one with Lambda's runtime client for Python as its bootstrap."""
    runtime, service = "ministack.core.lambda_runtime", "ministack.services.lambda_svc"
    unpack = member(service, "_provided_runtime_code_dir")
    bootstrap = write_bootstrap(folder, runtime_python)

    def code_folder(code_zip: bytes) -> str:
        code: str = unpack(code_zip)
        with contextlib.suppress(FileExistsError):
            (Path(code) / "bootstrap").symlink_to(bootstrap)
        return code

    def environment(config: dict[str, Any], code: str, port: int) -> dict[str, str]:
        resolve = member(service, "_resolve_layer_zip")
        layers = merged(folder, [unpack(resolve(layer)) for layer in config.get("Layers", [])])
        credentials: dict[str, str] = member(runtime, "execution_credentials")(config)
        return lambda_environment(config, code, layers) | credentials | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"}

    replace(service, "_provided_runtime_code_dir", code_folder)
    replace(service, "_provided_worker_env", environment)
    replace(service, "_execute_function_warm", member(service, "_execute_function_provided_warm"))
    replace(runtime, "_worker_class_for", lambda _config: member(runtime, "ProvidedWorker"))
    replace(service, "_execute_function_dispatch", with_request_id(member(service, "_execute_function_dispatch")))
    for method, change in {"invoke": reporting_failures, "_build_handler_class": without_delay}.items():
        replace(runtime, f"ProvidedWorker.{method}", change(member(runtime, f"ProvidedWorker.{method}")))


def keep_all_of_schedules() -> None:
    """Let CloudFormation create schedules with their time zone, dates and end, which it ignores otherwise."""
    by_type = member("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    handlers = by_type["AWS::Scheduler::Schedule"]
    schedules = member("ministack.services.scheduler", "_schedules")
    create = handlers["create"]

    def create_whole(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        created = create(logical_id, properties, stack_name)
        schedule = schedules[f"{properties.get('GroupName', 'default')}/{created[0]}"]
        schedule.update({name: properties[name] for name in LEFT_OUT if name in properties})
        return created

    handlers["create"] = create_whole


def take_concurrency_for_a_number() -> None:
    """Convert the concurrency of event sources to a number, because as a text it stops all polling."""
    handlers = member("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")[
        "AWS::Lambda::EventSourceMapping"
    ]
    create = handlers["create"]

    def create_with_numbers(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        scaling = {name: int(value) for name, value in properties.get("ScalingConfig", {}).items()}
        return create(logical_id, properties | ({"ScalingConfig": scaling} if scaling else {}), stack_name)

    handlers["create"] = create_with_numbers


def judge_batches_as_single_calls() -> None:
    """Let permissions such as `sqs:SendMessage` allow batch calls such as SendMessageBatch."""
    actions = "ministack.core.iam_actions"
    extract = member(actions, "extract_iam_action")

    def extract_single(service: str, *arguments: Any, **more: Any) -> Any:
        action = extract(service, *arguments, **more)
        return action.removesuffix("Batch") if service == "sqs" and action else action

    replace(actions, "extract_iam_action", extract_single)


def judge_schedules_by_their_group() -> None:
    """Use the schedule group of a call in the ARN that policies are compared with."""
    actions = "ministack.core.iam_actions"
    extract = member(actions, "extract_resource_arn")

    def extract_with_group(service: str, *call: Any) -> str:
        arn: str = extract(service, *call)
        if service != "scheduler":
            return arn
        _method, _path, _headers, body, query, *_place = call
        return arn.replace(":schedule/default/", f":schedule/{schedule_group(query, body)}/")

    replace(actions, "extract_resource_arn", extract_with_group)


def schedule_group(query: dict[str, Any], body: bytes) -> str:
    """Return the schedule group in the query or the body of a call."""
    named = query.get("groupName")
    if not named:
        named = json.loads(body or b"{}").get("GroupName", "default")
    return str(named[0] if isinstance(named, list) else named)


def write_bootstrap(folder: Path, runtime_python: str) -> Path:
    """Write the executable that starts every function, and return its path."""
    bootstrap = folder / "bootstrap"
    bootstrap.write_text(f'#!/bin/sh\nexec {shlex.quote(runtime_python)} -m awslambdaric "$_HANDLER"\n')
    bootstrap.chmod(0o755)
    return bootstrap


def merged(folder: Path, layers: list[str]) -> str:
    """Return a folder with the files of all layers, as Lambda unpacks all of them into ``/opt``.

    A package of Python may have its modules in several layers.
    """
    name = hashlib.sha256("\n".join(layers).encode()).hexdigest()[:16]
    whole = folder / f"layers-{name}"
    if not whole.exists():
        # Another thread may do the same at this time.
        unfinished = Path(tempfile.mkdtemp(dir=folder))
        for layer in layers:
            shutil.copytree(layer, unfinished, dirs_exist_ok=True, copy_function=os.link)
        with contextlib.suppress(OSError):
            unfinished.rename(whole)
    return str(whole)


def lambda_environment(config: dict[str, Any], code: str, layers: str) -> dict[str, str]:
    """Return the variables of a function: its own, and those that Lambda sets."""
    name, region = config["FunctionName"], config["FunctionArn"].split(":")[3]
    own: dict[str, str] = config.get("Environment", {}).get("Variables", {})
    return own | {
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": config["Version"],
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": config.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}"),
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_REGION": region,
        "HOME": tempfile.gettempdir(),
        "LAMBDA_TASK_ROOT": code,
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "PYTHONPATH": f"{layers}/python",
        "TMPDIR": tempfile.gettempdir(),
        "TZ": ":UTC",
        "_HANDLER": config["Handler"],
    }


def with_request_id(execute: Any) -> Any:
    """Return ``execute`` so that the log of a result, which `LogType=Tail` shows, ends with the request id."""

    def execute_and_log(function: Any, config: Any, event: Any, request_id: str, started: float) -> dict[str, Any]:
        result: dict[str, Any] = execute(function, config, event, request_id, started)
        return result | {"log": f"{result.get('log', '')}\nEND RequestId: {request_id}"}

    return execute_and_log


def reporting_failures(invoke: Any) -> Any:
    """Return ``ProvidedWorker.invoke`` so that it answers and logs failures outside the handler as Lambda does."""

    def invoke_and_report(worker: Any, event: Any, request_id: str, **context: Any) -> dict[str, Any]:
        try:
            result: dict[str, Any] = invoke(worker, event, request_id, **context)
        except RuntimeError as error:  # the function did not start
            state = vars(worker)
            payload = state["_init_error"] or {"errorType": "Runtime.ExitError", "errorMessage": str(error)}
            result = {"status": "error", "error_payload": payload, "log": "\n".join(drained(state["_stderr_queue"]))}
        failure = result.get("error_payload", {})
        if failure.get("errorType") in {"Runtime.ExitError", "Sandbox.Timedout"}:
            result["log"] = f"{result['log']}\n{request_id} {failure['errorMessage']}".lstrip()
        return result

    return invoke_and_report


def without_delay(build_handler_class: Any) -> Any:
    """Return the Runtime API's handler class without a send delay of 40 ms for each invocation."""

    def build(*arguments: Any) -> Any:
        handler = build_handler_class(*arguments)
        handler.disable_nagle_algorithm = True
        return handler

    return build


def drained(lines: queue.Queue[str]) -> list[str]:
    """Return the lines that are in the queue now."""
    texts: list[str] = []
    with contextlib.suppress(queue.Empty):
        while True:
            texts.append(lines.get_nowait())
    return texts


def member(module: str, path: str) -> Any:
    """Return a part of ministack, public or private."""
    return attrgetter(path)(import_module(module))


def replace(module: str, path: str, value: object) -> None:
    """Replace a part of ministack by ``value``."""
    member(module, path)
    owner, _, name = path.rpartition(".")
    setattr(member(module, owner) if owner else import_module(module), name, value)


if __name__ == "__main__":
    python, fileno = sys.argv[1:]
    del sys.argv[1:]  # ministack reads its own arguments from there
    main(python, int(fileno))
