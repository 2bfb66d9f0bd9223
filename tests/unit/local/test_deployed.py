"""Errors of the commands for a deployed stack before the first call to AWS."""

import os
from collections.abc import Callable

import boto3
import pytest

from local import caller, env_vars, login, logout, redrive, secret, webhook
from local.doctor import __main__ as doctor
from local.setup import ROOT
from tests.support.commands import run_command

type Command = Callable[[list[str]], int]

COMMANDS = pytest.mark.parametrize(
    ("main", "options"),
    [
        (secret.main, ["--name", "whop"]),
        (caller.main, ["list"]),
        (redrive.main, []),
        (env_vars.main, []),
        (login.run, ["--client-id", "app_canteen"]),
        (logout.run, []),
        (doctor.run, []),
        (webhook.main, []),
    ],
    ids=["secret", "caller", "redrive", "env-vars", "login", "logout", "doctor", "webhook"],
)


@COMMANDS
def test_without_a_region_the_command_says_how_to_set_one(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    main: Command,
    options: list[str],
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    assert main(["--stack", "aichats-dev", *options]) == 1

    printed = capsys.readouterr().err
    assert "no AWS region is set. Type AWS_DEFAULT_REGION=eu-west-1 before the command, or AWS_PROFILE=..." in printed


@COMMANDS
def test_without_a_stack_the_command_says_how_to_name_one(
    capsys: pytest.CaptureFixture[str], main: Command, options: list[str]
) -> None:
    assert main(["--stack", "", *options]) == 1

    assert "name the stack: STACK=aichats-dev" in capsys.readouterr().err


@COMMANDS
def test_a_profile_that_does_not_exist_is_reported_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    main: Command,
    options: list[str],
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    assert main(["--stack", "aichats-dev", *options]) == 1

    assert "can't read stack aichats-dev: The config profile (nobody) could not be found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "variable"),
    [
        ("secret", "COMPANY"),
        ("secret", "COMPANIES"),
        ("secret", "CONNECTION"),
        ("login", "COMPANY"),
        ("login", "CONNECTION"),
        ("logout", "CONNECTION"),
        ("webhook", "COMPANY"),
        ("caller", "COMPANIES"),
    ],
)
def test_a_variable_that_is_typed_without_a_value_is_no_command_for_all_companies(target: str, variable: str) -> None:
    option = f"--{variable.lower()}"
    without = run_command("make", "-n", target, "STACK=aichats-dev", cwd=ROOT, check=True).stdout
    empty = run_command("make", "-n", target, "STACK=aichats-dev", f"{variable}=", cwd=ROOT, check=True).stdout

    assert option not in without
    assert f'{option} ""' in empty
