"""Errors of the commands for a deployed stack before the first call to AWS."""

import os
from collections.abc import Callable

import boto3
import pytest

from local import caller, env_vars, login, logout, redrive, secret
from local.doctor import __main__ as doctor

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
    ],
    ids=["secret", "caller", "redrive", "env-vars", "login", "logout", "doctor"],
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
