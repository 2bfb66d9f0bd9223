"""Errors of the commands for a deployed stack before the first call to AWS."""

import os
from collections.abc import Callable

import boto3
import pytest

from local import env_vars
from tests.support.admin import admin

type Command = Callable[..., int]


def write_env_vars(*options: str) -> int:
    return env_vars.main(list(options))


COMMANDS = pytest.mark.parametrize(
    ("main", "words"),
    [
        (admin, ["secret", "set", "whop"]),
        (admin, ["callers", "list"]),
        (admin, ["redrive"]),
        (write_env_vars, []),
        (admin, ["connect", "--client-id", "app_canteen"]),
        (admin, ["disconnect"]),
        (admin, ["doctor"]),
        (admin, ["webhook"]),
    ],
    ids=["secret", "callers", "redrive", "env-vars", "connect", "disconnect", "doctor", "webhook"],
)


@COMMANDS
def test_without_a_region_the_command_says_how_to_set_one(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    main: Command,
    words: list[str],
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    assert main(*words, "--stack", "aichats-dev") == 1

    printed = capsys.readouterr().err
    assert "no AWS region is set" in printed
    assert "type AWS_DEFAULT_REGION=eu-west-1 before the command, or AWS_PROFILE=..." in printed


@pytest.mark.parametrize("words", [["doctor"], ["secret", "set", "whop"], ["callers", "list"]])
def test_an_empty_name_of_a_stack_is_an_error_and_not_the_stack_of_the_profile(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("AICHATS_STACK", "aichats-dev")

    assert admin(*words, "--stack", "") == 2

    assert "--stack is empty\n  → name the stack: --stack aichats-dev\n" in capsys.readouterr().err


@COMMANDS
def test_a_profile_that_does_not_exist_is_reported_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    main: Command,
    words: list[str],
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    assert main(*words, "--stack", "aichats-dev") == 1

    assert "can't read stack aichats-dev: The config profile (nobody) could not be found" in capsys.readouterr().err
