"""Take over the secrets and tables that a deleted stack left, into a new stack of the same name.

CloudFormation can't create a secret whose name is in use. So the new stack starts with an import of the existing
resources, and the deployment after that creates the others.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from aichats_cli.admin.deployed import DeployedError
from local.cloud.build import Build
from local.setup import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_cloudformation.type_defs import ResourceToImportTypeDef

BUILD = ROOT / ".aws-sam" / "build"
SECRET, TABLE = "AWS::SecretsManager::Secret", "AWS::DynamoDB::Table"


def leftovers(
    template: Mapping[str, Any], stack: str, stage: str, tables: Mapping[str, str]
) -> list[ResourceToImportTypeDef]:
    """Return the resources of the template that an earlier stack left in the account.

    Args:
        template: the output of `sam build`.
        stack: the stack's name. CloudFormation starts the names of its tables with it.
        stage: the parameter that is part of the secrets' names.
        tables: table to take over, by logical id. Needed if several tables match.

    Raises:
        DeployedError: ``tables`` has a wrong name or no table for it, several tables match, or AWS didn't list the
            resources.
    """
    _check(tables, [name for name, resource in template["Resources"].items() if resource["Type"] == TABLE])
    try:
        return [
            {
                "ResourceType": resource["Type"],
                "LogicalResourceId": name,
                "ResourceIdentifier": identifier,
            }
            for name, resource in template["Resources"].items()
            for identifier in _identifiers(name, resource, stack, stage, tables)
        ]
    except (ClientError, BotoCoreError) as error:
        raise DeployedError(f"AWS did not list the resources that an earlier stack {stack} left: {error}") from error


def _check(tables: Mapping[str, str], known: Sequence[str]) -> None:
    """Check the tables to take over. A mistake would create an empty ledger, and runs would be performed twice."""
    for name, table in tables.items():
        if name not in known:
            raise DeployedError(f"template.yaml has no table {name!r}. Use one of: {', '.join(known)}")
        if not table:
            raise DeployedError(f"the name of the table is missing after {name}=")


def _identifiers(
    name: str, resource: Mapping[str, Any], stack: str, stage: str, tables: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    if resource["Type"] == SECRET:
        yield from _secret(resource["Properties"]["Name"]["Fn::Sub"].replace("${Stage}", stage))
    elif resource["Type"] == TABLE:
        yield from _table(name, f"{stack}-{name}-", tables.get(name))


def _secret(name: str) -> Iterator[dict[str, str]]:
    client = boto3.client("secretsmanager")
    try:
        yield {"Id": client.describe_secret(SecretId=name)["ARN"]}
    except client.exceptions.ResourceNotFoundException:
        return


def _table(logical_id: str, prefix: str, chosen: str | None) -> Iterator[dict[str, str]]:
    if chosen:
        yield {"TableName": chosen}
        return
    pages = boto3.client("dynamodb").get_paginator("list_tables").paginate()
    found = [name for page in pages for name in page["TableNames"] if name.startswith(prefix)]
    if len(found) > 1:
        raise DeployedError(
            f"an earlier stack left several tables for {logical_id}: {', '.join(found)}."
            f" Name the one to use: aichats admin deploy --table {logical_id}={found[0]}"
        )
    yield from ({"TableName": name} for name in found)


def adopt(template: Mapping[str, Any], stack: str, stage: str, resources: Sequence[ResourceToImportTypeDef]) -> None:
    """Create the stack from these resources, without changing them.

    Raises:
        DeployedError: CloudFormation rejected the import.
    """
    client = boto3.client("cloudformation")
    names = {resource["LogicalResourceId"] for resource in resources}
    change_set = f"adopt-{uuid.uuid4()}"
    try:
        client.create_change_set(
            StackName=stack,
            ChangeSetName=change_set,
            ChangeSetType="IMPORT",
            TemplateBody=json.dumps(only(template, names)),
            Parameters=[{"ParameterKey": "Stage", "ParameterValue": stage}],
            ResourcesToImport=resources,
        )
        client.get_waiter("change_set_create_complete").wait(StackName=stack, ChangeSetName=change_set)
        client.execute_change_set(StackName=stack, ChangeSetName=change_set)
        client.get_waiter("stack_import_complete").wait(StackName=stack)
    except WaiterError as error:
        reason = error.last_response.get("StatusReason") or str(error)
        raise DeployedError(
            f"CloudFormation did not import the resources of the earlier stack {stack}: {reason}"
        ) from error
    except (ClientError, BotoCoreError) as error:
        raise DeployedError(
            f"CloudFormation did not import the resources of the earlier stack {stack}: {error}"
        ) from error


def only(template: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """Return a template of only these resources, without SAM's transform, as an import needs it."""
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Parameters": {"Stage": template["Parameters"]["Stage"]},
        "Conditions": {"IsProd": template["Conditions"]["IsProd"]},
        "Resources": {
            name: {key: value for key, value in resource.items() if key != "Metadata"}
            for name, resource in template["Resources"].items()
            if name in names
        },
    }


def built_template() -> dict[str, Any]:
    """Return the output of `sam build`, with intrinsic functions in their long form."""
    return Build(BUILD).template
