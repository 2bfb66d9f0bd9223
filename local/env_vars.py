"""Write `env.json`, so that `sam local` uses the environment of a deployed stack (`make env-vars`).

Without the file, SAM CLI passes the logical id of a queue or table where the template refers to it.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aichats_cli.admin.deployed import DeployedError, DeployedStack
from local.errors import report

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

FILE = Path("env.json")
SUFFIX = "Function"
"""End of the outputs that name functions. Each such output has the name of the function's logical id."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, and print what calls with it do. Return the exit code."""
    parser = argparse.ArgumentParser(prog="make env-vars", usage="make env-vars STACK=aichats-dev", description=__doc__)
    parser.add_argument("--stack", required=True, help="name of the deployed stack, such as aichats-dev (STACK=)")
    options = parser.parse_args(arguments)
    if not options.stack:
        parser.error("name the stack: STACK=aichats-dev")
    try:
        functions = DeployedStack(options.stack).outputs(f"RunSchedule{SUFFIX}")
        environments = variables(boto3.client("lambda"), functions)
    except (DeployedError, ClientError, BotoCoreError) as error:
        report("env-vars", error)
        return 1
    FILE.write_text(json.dumps(environments, indent=2) + "\n")
    print(f"Wrote {FILE}. Use it with `sam local ... --env-vars {FILE}`. Functions that run with it use your AWS")
    print(f"credentials, write to the tables and queues of {options.stack}, and call")
    print(f"{environments[f'RunSchedule{SUFFIX}']['WHOP_BASE_URL']}.")
    return 0


def variables(client: "LambdaClient", outputs: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the environment of each function that a stack's outputs name, by the function's logical id.

    An environment contains the names of secrets but no secret.
    """
    functions = {name: function for name, function in outputs.items() if name.endswith(SUFFIX)}
    return {
        name: client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        for name, function in functions.items()
    }


if __name__ == "__main__":
    sys.exit(main())
