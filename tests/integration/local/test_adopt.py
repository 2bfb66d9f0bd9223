"""A table that a deleted stack left, taken over by a new stack. The emulator imports tables, but no secrets."""

import boto3
import pytest

from local.adopt import adopt, leftovers, only
from local.cloud.emulator import Emulator
from tests.support.ledgers import create_table
from tests.support.template import load_template

STACK = "aichats-dev"
TABLE = f"{STACK}-RunsTable-1A2B"


def test_a_new_stack_begins_with_the_table_that_a_deleted_one_left_and_its_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    with Emulator() as account:
        for name, value in account.environment().items():
            monkeypatch.setenv(name, value)
        tables, stacks = account.clients.dynamodb, account.clients.cloudformation
        create_table(tables, TABLE)
        row = {"run_id": {"S": "a run"}}
        tables.put_item(TableName=TABLE, Item=row)
        template = load_template()
        found = leftovers(template, STACK, "dev", {})
        adopt(template, STACK, "dev", found)
        [stack] = stacks.describe_stacks(StackName=STACK)["Stacks"]
        [resource] = stacks.describe_stack_resources(StackName=STACK)["StackResources"]
        assert stack["StackStatus"] == "IMPORT_COMPLETE"
        assert (resource["LogicalResourceId"], resource["PhysicalResourceId"]) == ("RunsTable", TABLE)
        assert tables.get_item(TableName=TABLE, Key=row)["Item"] == row
        # And it is left again.
        stacks.delete_stack(StackName=STACK)
        assert TABLE in tables.list_tables()["TableNames"]


def test_an_import_has_no_transform_and_keeps_what_it_takes_over() -> None:
    template = only(load_template(), {"RunsTable", "WhopSecret"})
    assert template.keys() == {"AWSTemplateFormatVersion", "Parameters", "Conditions", "Resources"}
    assert {resource["DeletionPolicy"] for resource in template["Resources"].values()} == {"RetainExceptOnCreate"}
