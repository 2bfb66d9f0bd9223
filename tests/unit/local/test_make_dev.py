"""The variables of `make dev`."""

import argparse
import shlex

import pytest

from local.dev import parser
from local.setup import ROOT
from tests.support.commands import run_command


def options_of(*variables: str) -> argparse.Namespace:
    """Return the options of `make dev` with these variables."""
    printed = run_command("make", "-n", "dev", *variables, cwd=ROOT, check=True).stdout
    (command,) = [line for line in printed.splitlines() if "local.dev" in line]
    return parser().parse_args(shlex.split(command.partition("local.dev")[2]))


@pytest.mark.parametrize(("variables", "keys"), [([], "allowed"), (["KEYS=forbidden"], "forbidden")])
def test_keys_decides_what_api_keys_may_do(variables: list[str], keys: str) -> None:
    assert options_of(*variables).keys == keys


@pytest.mark.parametrize(("variables", "port"), [([], 8003), (["RECEIVER_PORT=8103"], 8103)])
def test_receiver_port_is_the_port_of_the_mock_receiver(variables: list[str], port: int) -> None:
    assert options_of(*variables).receiver_port == port
