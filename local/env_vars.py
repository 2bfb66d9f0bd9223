"""`make env-vars`: writes `env.json`, with which `sam local` gives the functions the environment of a deployed stack.

By itself SAM CLI cannot: it puts the logical id of a queue or table where the template refers to it.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.deployed import DeployedError, outputs

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

FILE = Path("env.json")
SUFFIX = "Function"
"""What an output ends with that names a function; the whole of it is what the template calls the function."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, and say what calls with it do. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="make env-vars", usage="make env-vars STACK=aichats-dev", description=__doc__)
    parser.add_argument("--stack", required=True, help="the deployed stack, such as aichats-dev (STACK=)")
    options = parser.parse_args(arguments)
    try:
        functions = outputs(options.stack, f"RunSchedule{SUFFIX}")
        found = variables(boto3.client("lambda"), functions)
    except (DeployedError, ClientError, BotoCoreError) as error:
        print(f"env-vars: {error}", file=sys.stderr)
        return 1
    FILE.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{FILE} is written, for --env-vars of `sam local`. What runs with it writes to the ledger and the queues of")
    print(f"{options.stack}, with your AWS credentials, and calls {found[f'RunSchedule{SUFFIX}']['WHOP_BASE_URL']}.")
    return 0


def variables(client: "LambdaClient", outputs: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The environment of each function that a stack's outputs name, as it is deployed, by the function's logical id.

    There is no secret in it: the functions are told the names of secrets.
    """
    functions = {name: function for name, function in outputs.items() if name.endswith(SUFFIX)}
    return {
        name: client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        for name, function in functions.items()
    }


if __name__ == "__main__":
    sys.exit(main())
