"""The address of a deployed stack, from CloudFormation."""

from __future__ import annotations

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from aichats_cli.errors import CommandError


def address_and_region(stack: str, region: str | None) -> tuple[str, str]:
    """Return the output ``ApiUrl`` of a stack, and the stack's region.

    Raises:
        CommandError: there is no region, the stack doesn't exist or can't be read, or it isn't a stack of aichats.
    """
    try:
        client = boto3.client("cloudformation", region_name=region)
    except NoRegionError:
        raise CommandError("no AWS region is set", f"aichats login --stack {stack} --region eu-west-1") from None
    except BotoCoreError as error:  # such as an AWS profile that doesn't exist
        raise CommandError(f"can't use your AWS configuration: {error}") from None
    where = client.meta.region_name
    try:
        described = client.describe_stacks(StackName=stack)["Stacks"][0]
    except (ClientError, BotoCoreError) as error:
        if "does not exist" in str(error):
            raise CommandError(f"stack {stack} doesn't exist in {where}", "name its region with --region") from None
        raise CommandError(f"can't read stack {stack} in {where}: {error}") from None
    for output in described.get("Outputs", []):
        if output.get("OutputKey") == "ApiUrl":
            return output["OutputValue"], where
    raise CommandError(f"stack {stack} has no output ApiUrl", "use the name of a stack of aichats")
