"""Deploy a build on the local AWS with CloudFormation calls, as `sam deploy` does on AWS, in 2 s."""

from __future__ import annotations

import json
import time
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local.cloud.build import CODE
from local.cloud.emulator import REGION
from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudformation.type_defs import StackTypeDef

    from local.cloud.build import Build
    from local.cloud.clients import Clients

BUCKET, TEMPLATE = "artifacts", "template.json"
ONLY_HERE = {"LoopbackReceivers": "allowed"}
"""Values of parameters that only the local AWS accepts."""
LIMIT = 120.0
"""Seconds after which a deployment counts as failed."""


@dataclass(frozen=True)
class Stack:
    """A deployed stack: its outputs, its physical ids by logical id, and its expanded template."""

    name: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    template: Mapping[str, Any]


def deploy(clients: Clients, build: Build, name: str, parameters: Mapping[str, str]) -> Stack:
    """Create the stack ``name``, and wait until it is complete.

    Raises:
        LocalError: CloudFormation rejected the stack, or it failed; the message lists the failed resources.
    """
    upload(clients, build)
    try:
        clients.cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"https://s3.{REGION}.amazonaws.com/{BUCKET}/{TEMPLATE}",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as error:
        raise LocalError(f"stack {name} was rejected: {error.response['Error']['Message']}") from error
    outputs = finished(clients, name).get("Outputs", [])
    stack = Stack(
        name,
        {output["OutputKey"]: output["OutputValue"] for output in outputs},
        resources(clients, name),
        clients.cloudformation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"],
    )
    enable_time_to_live(clients, stack)
    return stack


def upload(clients: Clients, build: Build) -> None:
    """Upload the zips and the template, which is too large to be part of a call, for CloudFormation to read."""
    clients.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for path in build.zips.values():
        clients.s3.put_object(Bucket=BUCKET, Key=path.name, Body=path.read_bytes())
    clients.s3.put_object(Bucket=BUCKET, Key=TEMPLATE, Body=json.dumps(packaged(build.template)).encode())


def packaged(template: dict[str, Any]) -> dict[str, Any]:
    """Return the template with the code in the bucket, as `sam package` does, and with the values for this machine."""
    changed = deepcopy(template)
    for name in changed.get("Parameters", {}).keys() & ONLY_HERE.keys():
        changed["Parameters"][name]["AllowedValues"].append(ONLY_HERE[name])
    for name, resource in changed["Resources"].items():
        if resource["Type"] in CODE:
            resource["Properties"][CODE[resource["Type"]]] = f"s3://{BUCKET}/{name}.zip"
    return changed


def finished(clients: Clients, name: str) -> StackTypeDef:
    """Wait until the stack is complete, and return its description.

    Raises:
        LocalError: the stack failed, or took longer than :data:`LIMIT`.
    """
    deadline = time.monotonic() + LIMIT
    while True:
        stack = clients.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        status = stack["StackStatus"]
        if status == "CREATE_COMPLETE":
            return stack
        if status.endswith("_FAILED") or status == "ROLLBACK_COMPLETE" or time.monotonic() > deadline:
            raise LocalError("\n  ".join([f"stack {name} was not deployed ({status}):", *failures(clients, name)]))
        time.sleep(0.05)


def failures(clients: Clients, name: str) -> list[str]:
    """Return a line for each failed resource."""
    events = clients.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [
        f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}"
        for event in reversed(events)
        if event.get("ResourceStatus", "").endswith("_FAILED")
    ]


def resources(clients: Clients, name: str) -> dict[str, str]:
    """Return physical id by logical id."""
    described = clients.cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in described}


def enable_time_to_live(clients: Clients, stack: Stack) -> None:
    """Enable the expiry of items as the template says, because the emulator's CloudFormation doesn't."""
    for name, resource in stack.template["Resources"].items():
        expiry = resource.get("Properties", {}).get("TimeToLiveSpecification")
        if resource["Type"] == "AWS::DynamoDB::Table" and expiry:
            clients.dynamodb.update_time_to_live(TableName=stack.resources[name], TimeToLiveSpecification=expiry)
