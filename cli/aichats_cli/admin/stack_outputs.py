"""The address of a deployed stack, from CloudFormation."""

from __future__ import annotations

from aichats_cli.admin.aws import Aws
from aichats_cli.admin.deployed import DeployedStack


def address_and_region(stack: str, region: str | None) -> tuple[str, str]:
    """Return the output ``ApiUrl`` of a stack, and the stack's region.

    Raises:
        DeployedError: there is no region, the stack doesn't exist or can't be read, or it isn't a stack of aichats.
    """
    aws = Aws(region)
    address = DeployedStack(stack, aws).outputs("ApiUrl")["ApiUrl"]
    found: str = aws.client("cloudformation").meta.region_name
    return address, found
