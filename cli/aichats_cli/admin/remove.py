"""Delete a deployed stack. Its tables and secrets are kept, so that a new stack can take them over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from aichats_cli.admin.deployed import DeployedError
from aichats_cli.admin.progress import passing
from aichats_cli.errors import CommandError, UsageError
from aichats_cli.output import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_cloudformation import CloudFormationClient

    from aichats_cli.admin.deployed import DeployedStack
    from aichats_cli.session import Session

KEPT = ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret")
"""The types of resources that outlive their stack."""
PAGE = "docs/how-to/remove-a-stack.md"
SECONDS = 5.0
"""The time between two looks at a stack that is being deleted."""


class Resource(NamedTuple):
    """A resource of a stack."""

    type: str
    name: str
    reason: str
    """The reason of its last change, such as why it can't be deleted."""


def remove(session: Session, stack: DeployedStack, *, yes: bool) -> None:
    """Delete a stack after its name was typed, wait until it is deleted, and show what is left.

    Raises:
        UsageError: standard input isn't a terminal, so the name can't be typed.
        CommandError: another name was typed.
        DeployedError: the stack doesn't exist, isn't one of aichats, or can't be deleted.
    """
    stack.parameters("WhopBaseUrl")  # A stack whose first deployment failed has no outputs.
    cloudformation: CloudFormationClient = stack.aws.client("cloudformation")
    identifier = stack.describe().get("StackId", stack.name)
    kept = sorted(each.name for each in resources(cloudformation, identifier) if each.type in KEPT)
    where = f"{stack.name} in {cloudformation.meta.region_name}"
    if not yes:
        confirm(session, stack, where, kept)
    cloudformation.delete_stack(StackName=identifier)
    with passing(session, f"Deleting {where}. To stop watching, press Ctrl-C; the deletion goes on."):
        wait_until_deleted(session, stack, cloudformation, identifier)
    session.note(f"Stack {where} is deleted. These tables and secrets are left; {PAGE} says how to delete them:")
    if session.output.format in (Format.table, Format.name):
        session.output.lines(kept)
    else:
        session.output.data({"stack": stack.name, "kept": kept})


def confirm(session: Session, stack: DeployedStack, where: str, kept: list[str]) -> None:
    """Say what is deleted and what stays, and ask for the name of the stack.

    Raises:
        UsageError: standard input isn't a terminal.
        CommandError: another name was typed.
    """
    if not session.system.stdin.isatty():
        raise UsageError(f"to delete {where}, its name must be typed at a terminal", "add --yes to the command")
    session.note(f"This deletes {where}: its functions, queues, schedules, alarms, event bus and HTTP API.")
    session.note("Events that are not delivered yet are lost. These tables and secrets stay:")
    for name in kept:
        session.note(f"  {name}")
    session.note("Connected Whop accounts stay connected, and the webhook stays at Whop. To end an account's access")
    session.note(f"first, type: {stack.command('disconnect')}")
    if session.answer("To delete the stack, type its name: ") != stack.name:
        raise CommandError("stopped: nothing was deleted")


def resources(cloudformation: CloudFormationClient, identifier: str) -> Iterator[Resource]:
    """Return the resources of a stack that exist."""
    pages: Any = cloudformation.get_paginator("list_stack_resources").paginate(StackName=identifier)
    for page in pages:
        for each in page["StackResourceSummaries"]:
            if each["ResourceStatus"] != "DELETE_COMPLETE":
                name = each.get("PhysicalResourceId", each["LogicalResourceId"])
                yield Resource(each["ResourceType"], name, each.get("ResourceStatusReason", ""))


def wait_until_deleted(
    session: Session, stack: DeployedStack, cloudformation: CloudFormationClient, identifier: str
) -> None:
    """Wait until a stack is deleted.

    Raises:
        DeployedError: CloudFormation can't delete it.
    """
    while (status := status_of(cloudformation, identifier)) != "DELETE_COMPLETE":
        if status == "DELETE_FAILED":
            reasons = [f"  {each.name}: {each.reason}" for each in resources(cloudformation, identifier) if each.reason]
            problem = "\n".join([f"CloudFormation can't delete {stack.name}:", *reasons])
            raise DeployedError(problem, "remove the reason, such as rules on the event bus, and type it again")
        session.system.sleep(SECONDS)


def status_of(cloudformation: CloudFormationClient, identifier: str) -> str:
    """Return the status of a stack. One that is gone counts as deleted."""
    try:
        return cloudformation.describe_stacks(StackName=identifier)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return "DELETE_COMPLETE"
        raise
