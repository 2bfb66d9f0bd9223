"""The modules that each function imports in its init phase, because each of them slows every cold start."""

import json
import os
import shutil
from pathlib import Path

import pytest

from local.setup import ROOT
from tests.support.commands import run_command
from tests.support.layers import LAYERS, build_layer
from tests.support.template import load_template, of_type

PINS = Path(__file__).parent / "imported_modules.json"
"""The modules of aichats, and the packages of others, by function."""
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
PERFORMING = {"run_schedule", "perform_runs", "http_api", "receive_webhook"}
"""The functions whose ordinary calls need neither models nor botocore."""
PROGRAM = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
importlib.import_module("app")
# Powertools imports the head of botocore if it is there.
tops = {name.partition(".")[0] for name in sys.modules if name != "botocore"} - sys.stdlib_module_names
own = sorted(name for name in sys.modules if name.partition(".")[0] == "aichats")
others = sorted(name for name in tops if not name.startswith("_") and name not in {"aichats", "app"})
print(json.dumps({"aichats": own, "packages": others}))
"""


def variables(function: str) -> dict[str, str]:
    """Return the variables of a function in the template, with a value for each, and those that Lambda sets."""
    # Two functions may have the same code.
    resource, *_ = [
        resource
        for resource in of_type("AWS::Serverless::Function").values()
        if resource["CodeUri"].rstrip("/").endswith(function)
    ]
    names = [
        *load_template()["Globals"]["Function"]["Environment"]["Variables"],
        *resource.get("Environment", {}).get("Variables", {}),
    ]
    defaults = {name: value for name, value in VALUES.items() if name in names}
    return {**{name: name.lower() for name in names}, **defaults, **OF_LAMBDA}


NUMBERS: tuple[str, ...] = (
    "MAX_MESSAGE_BYTES",
    "SETTLE_SECONDS",
    "KODEY_SETTLE_SECONDS",
    "KEEP_TEXTS_DAYS",
    "MISSED_GRACE_SECONDS",
)
NUMBERS += ("REPLY_WATCH_MINUTES", "BUDGET_RUNS", "BUDGET_TOKENS")
URLS: tuple[str, ...] = (
    "RUN_QUEUE_URL",
    "SLOW_RUN_QUEUE_URL",
    "RUN_DEAD_LETTERS_URL",
    "WHOP_BASE_URL",
    "KODEY_BASE_URL",
)
URLS += ("DELIVERY_QUEUE_URL", "SLOW_DELIVERY_QUEUE_URL", "DELIVERY_DEAD_LETTERS_URL")
VALUES = {
    **dict.fromkeys(NUMBERS, "60"),
    **dict.fromkeys(URLS, "https://example.com"),
    "WHOP_API_VERSION": "2026-07-08-1",
    "TITLE_MARK": "clean",
    "BUDGET_PER": "month",
    "LOOPBACK_RECEIVERS": "forbidden",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
}
OF_LAMBDA = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    # Nothing answers on this port, so no secret is read.
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
}


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which Lambda unpacks the layers."""
    folder = tmp_path_factory.mktemp("opt")
    for name in LAYERS:
        shutil.copytree(build_layer(name, folder / name, "host"), folder, dirs_exist_ok=True)
    return folder


def imported(function: str, layers: Path) -> dict[str, list[str]]:
    """Return what a function imports until its first invocation, with Lambda's runtime client and SDK beside it."""
    environment = {**variables(function), "PATH": os.environ["PATH"], "PYTHONPATH": str(layers / "python")}
    folder, python = ROOT / "functions" / function, ROOT / ".tools" / "runtime" / "bin" / "python"
    done = run_command(python, "-c", PROGRAM, str(folder), env=environment, check=True)
    shown: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return shown


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_only_the_modules_that_are_listed(function: str, layers: Path) -> None:
    pinned = json.loads(PINS.read_text())[function]

    assert imported(function, layers) == pinned, f"If a new module is worth its time, add it to {PINS.name}"


@pytest.mark.parametrize("function", sorted(PERFORMING))
def test_a_function_that_must_start_fast_imports_neither_models_nor_botocore(function: str, layers: Path) -> None:
    packages = imported(function, layers)["packages"]

    assert {"httpx", "httpcore", "aws_lambda_powertools"} <= set(packages)
    assert {"pydantic", "pydantic_core", "botocore", "boto3"} & set(packages) == set()
