"""Deploy a stack (`make deploy`). The first deployment asks a few questions, and later ones keep the answers.

This command calls `sam deploy` without `--guided`. That option would ask for each of 20 parameters, ask three times to
confirm that API Gateway checks no token (the functions do), and write the answers into a file that git tracks.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aichats_cli.admin.deployed import DeployedError, DeployedStack, MissingStackError
from local.adopt import adopt, built_template, leftovers
from local.errors import LocalError, report
from local.setup import ROOT
from local.tools import tool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_cloudformation.type_defs import ResourceToImportTypeDef

ASKED = ("CompanyId", "Message", "ScheduleExpression", "ScheduleTimezone", "AlarmEmail")
"""Parameters that a first deployment asks for. The defaults of the others suit most users."""
QUOTED = '''aichats admin deploy --parameter "Message=What's new?"'''
"""A command for the shell, with a value that has an apostrophe and spaces."""
BROKEN = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")


@dataclass(frozen=True)
class Environment:
    """The settings of an environment in `samconfig.toml`."""

    name: str
    stack: str
    parameters: Mapping[str, str]

    @classmethod
    def read(cls, name: str) -> Environment:
        """Return the settings of an environment.

        Raises:
            DeployedError: the environment doesn't exist.
        """
        config = tomllib.loads((ROOT / "samconfig.toml").read_text())
        if "deploy" not in config.get(name, {}):
            known = [each for each in config if isinstance(config[each], dict)]
            raise DeployedError(f"samconfig.toml has no environment {name!r}. Use one of: {', '.join(known)}")
        deploy = config[name]["deploy"]["parameters"]
        stack = config[name]["global"]["parameters"]["stack_name"]
        return cls(name, stack, pairs(deploy["parameter_overrides"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy. Return the exit code: SAM CLI's own, or 1."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.add_argument("--env", default="default", help="environment of samconfig.toml (ENV=)")
    parser.add_argument("--parameters", default="", help="parameters to set, as 'Name=value Other=value' (PARAMETERS=)")
    parser.add_argument("--tables", default="", help="restored tables to take over, as 'RunsTable=name' (TABLES=)")
    options = parser.parse_args(arguments)
    try:
        environment = Environment.read(options.env)
        return deploy(environment, pairs(options.parameters), pairs(options.tables))
    except (DeployedError, LocalError) as error:
        report("deploy", error)
        return 1


def deploy(environment: Environment, parameters: Mapping[str, str], tables: Mapping[str, str]) -> int:
    """Call `sam deploy`; before a first deployment, ask the questions. Return its exit code.

    Raises:
        DeployedError: a parameter or a table is unknown, the stack exists and ``tables`` are given, a question gets no
            answer, AWS can't be reached, or the stack must be deleted first.
    """
    template = built_template()
    unknown = parameters.keys() - template["Parameters"].keys()
    if unknown:
        raise DeployedError(f"template.yaml has no parameter {', '.join(sorted(unknown))}")
    merged = {**environment.parameters, **parameters}
    if is_there(environment.stack):
        if tables:
            raise DeployedError(
                f"stack {environment.stack} exists, and only a new stack can take over tables. Delete the stack first,"
                " as docs/how-to/restore-a-table.md describes, or name no tables"
            )
    else:
        found = leftovers(template, environment.stack, merged["Stage"], tables)
        merged |= ask(template["Parameters"], parameters) if sys.stdin.isatty() else {}
        if found:
            take_over(template, environment.stack, merged["Stage"], found)
    return sam_deploy(environment, merged)


def is_there(stack: str) -> bool:
    """Return whether the stack exists.

    Raises:
        DeployedError: AWS can't be reached, or the stack must be deleted first.
    """
    try:
        status = DeployedStack(stack).describe()["StackStatus"]
    except MissingStackError:
        return False
    if status in BROKEN:
        raise DeployedError(
            f"stack {stack} is in state {status}. Delete it, then deploy again: "
            f"aws cloudformation delete-stack --stack-name {stack}"
        )
    return status != "REVIEW_IN_PROGRESS"  # a first deploy whose changes were not confirmed


def take_over(template: Mapping[str, Any], stack: str, stage: str, found: Sequence[ResourceToImportTypeDef]) -> None:
    """Create the new stack with the secrets and tables that a deleted one left."""
    print(f"{stack} takes over these resources of an earlier stack:")
    for resource in found:
        print(f"  {resource['LogicalResourceId']}: {', '.join(resource['ResourceIdentifier'].values())}")
    adopt(template, stack, stage, found)


def ask(known: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, str]:
    """Ask at the terminal. Return the answers by parameter.

    Raises:
        DeployedError: Ctrl-C or Ctrl-D in place of an answer.
    """
    print("First deployment. Press Enter to keep the default in brackets. You can change every answer later with")
    print("aichats admin deploy --parameter Name=value.")
    try:
        return {name: answer(name, known[name]) for name in ASKED if name not in given}
    except (EOFError, KeyboardInterrupt):
        raise DeployedError(f"no answer, so nothing was deployed. To be asked less, set parameters: {QUOTED}") from None


def answer(name: str, parameter: Mapping[str, Any]) -> str:
    """Ask until the answer matches the parameter's pattern, and return it."""
    default = str(parameter["Default"])
    print(f"\n{parameter['Description']}")
    while True:
        text = input(f"{name} [{default}]: ").strip() or default
        if re.search(parameter.get("AllowedPattern", ""), text):
            return text
        print(parameter.get("ConstraintDescription") or f"The value must match {parameter['AllowedPattern']}")


def sam_deploy(environment: Environment, parameters: Mapping[str, str]) -> int:
    """Run `sam deploy`, and return its exit code. Parameters that are not given keep their values."""
    overrides = [f"{name}={quoted(value)}" for name, value in parameters.items()]
    command = [tool("sam", "sam"), "deploy", "--config-env", environment.name, "--parameter-overrides", *overrides]
    if not sys.stdin.isatty():
        command.append("--no-confirm-changeset")
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"SAM_CLI_TELEMETRY": "0"}, check=False).returncode


def quoted(value: str) -> str:
    """Return the value in quotes, as SAM CLI reads it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def pairs(text: str) -> dict[str, str]:
    """Return the names and values of ``Name=value "Other=a value"``.

    Raises:
        DeployedError: a part has no ``=``, or a quote is not closed.
    """
    try:
        split = [part.partition("=") for part in shlex.split(text)]
    except ValueError:
        raise DeployedError(f"a quote is not closed in {text}. Put the value in quotes: {QUOTED}") from None
    for name, equals, _ in split:
        if not equals:
            raise DeployedError(f"{name!r} is not Name=value")
    return {name: value for name, _, value in split}


if __name__ == "__main__":
    sys.exit(main())
