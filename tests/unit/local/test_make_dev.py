"""The variables of `make dev`."""

import shlex

import pytest

from local.dev import parser
from local.setup import ROOT
from tests.support.commands import run_command


@pytest.mark.parametrize(("variables", "keys"), [([], "allowed"), (["KEYS=forbidden"], "forbidden")])
def test_keys_decides_what_api_keys_may_do(variables: list[str], keys: str) -> None:
    printed = run_command("make", "-n", "dev", *variables, cwd=ROOT, check=True).stdout
    (command,) = [line for line in printed.splitlines() if "local.dev" in line]

    assert parser().parse_args(shlex.split(command.partition("local.dev")[2])).keys == keys
