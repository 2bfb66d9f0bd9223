"""Data of `make dev KEEP=1`: automations and their schedules, runs, secrets, and the data of the mock servers.

The tables are saved before the chats. So the chats are never older than the runs, and a run that was interrupted finds
its chat as it would after a crash. Messages are not saved, because the sweep sends them again.

The grants are in the data of the mock of Whop, and their tokens in the secrets of the connections. If the machine
crashes just after aichats renewed a token, the two may differ. The mock then rejects the token, and you log in again.
"""

from __future__ import annotations

import fcntl
import json
from contextlib import contextmanager
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING, Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from aichats.aws.secret_versions import SecretVersions
from aichats_cli.admin.secret import WEBHOOK_SECRETS
from local.cloud.scheduler import ALL
from local.errors import LocalError
from local.repeat import repeating
from local.setup import ROOT
from local.system import PROVIDERS, SECRETS, WEBHOOK, WHOP, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from local.system import System

FOLDER = ROOT / ".local" / "kept"
AWS = "aws.json"
EVERY = 10.0
"""Seconds between two saves. A crash of the machine loses at most the data of this time."""
ITEMS_PER_WRITE = 25
WRITES = 10
"""Calls that write the same items, if the local AWS leaves some of them out."""
OF_STREAM = ("EventSourceArn", "BatchSize", "FilterCriteria", "BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds")
"""Fields of the event source of a stream that the request to create it has."""
NOT_REQUESTED = {"Arn", "CreationDate", "LastModificationDate", "ResponseMetadata"}
"""Fields of a schedule that the request to create it doesn't have."""


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Create the folder, and reserve it for this process for the ``with`` block.

    Raises:
        LocalError: another process uses it, or no file can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock_file = (folder / "lock").open("w")
    except OSError as error:
        raise LocalError(f"the data can't be kept in {folder} ({error}). Choose another folder") from error
    with lock_file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"another `make dev KEEP=1` uses {folder}. Stop it, or leave KEEP out") from None
        yield folder


@contextmanager
def kept(system: System, folder: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Load the data of ``folder`` into the system, and save the system's data there until the ``with`` block ends.

    ``report`` is called with the error if a save in between fails.

    Raises:
        LocalError: the data can't be loaded, or at the end can't be saved.
    """
    load(system, folder)
    try:
        with repeating(partial(save, system, folder), every=EVERY, report=report):
            yield
    finally:
        try:
            save(system, folder)
        except (BotoCoreError, ClientError, httpx.HTTPError, OSError) as error:
            raise LocalError(f"the data of the last {EVERY:g} s was not saved in {folder}: {error}") from error


def load(system: System, folder: Path) -> None:
    """Load the data of ``folder`` into a new system, whose mock servers have loaded their chats already.

    Raises:
        LocalError: the data is damaged, or this version can't read it.
    """
    if not (folder / AWS).exists():
        return
    clients = system.emulator.clients
    try:
        data = json.loads((folder / AWS).read_text())
        for output, value in data["secrets"].items():
            secret = with_webhooks(system, value) if output == WEBHOOK else value
            clients.secrets.put_secret_value(SecretId=system.stack.outputs[output], SecretString=secret)
        for name, value in data.get("connections", {}).items():
            clients.secrets.create_secret(Name=name, SecretString=value)
        with without_streams(system):
            for name, items in data["tables"].items():
                put(system, system.stack.resources[name], items)
        for schedule in data["schedules"]:
            clients.schedules.create_schedule(**schedule)
    except (ValueError, LookupError, TypeError, AttributeError, OSError, BotoCoreError, ClientError) as error:
        raise LocalError(f"{folder / AWS} can't be loaded ({error}). Delete the data: rm -rf {folder}") from error


@contextmanager
def without_streams(system: System) -> Iterator[None]:
    """Let no function see the changes of the tables that are made in the ``with`` block.

    Otherwise each loaded run would be published, and counted, as if it had just ended.
    """
    functions = system.emulator.clients.functions
    sources = functions.list_event_source_mappings()["EventSourceMappings"]
    streams: list[Any] = [source for source in sources if ":dynamodb:" in source["EventSourceArn"]]
    for source in streams:
        functions.delete_event_source_mapping(UUID=source["UUID"])
    yield
    for source in streams:
        request = {name: source[name] for name in OF_STREAM if source.get(name)}
        functions.create_event_source_mapping(FunctionName=source["FunctionArn"], StartingPosition="LATEST", **request)


def save(system: System, folder: Path) -> None:
    """Save the system's data. Each file is replaced as a whole, so an interruption damages none."""
    secrets, dynamodb = SecretVersions(system.emulator.clients.secrets), system.emulator.clients.dynamodb
    texts = {output: secrets.current(system.stack.outputs[output]).text for output in SECRETS}
    data = {
        "secrets": texts | {WEBHOOK: without_webhooks(system, texts[WEBHOOK])},
        "connections": connections(system),
        "tables": {
            name: [
                item
                for page in dynamodb.get_paginator("scan").paginate(TableName=system.stack.resources[name])
                for item in page["Items"]
            ]
            for name in tables(system)
        },
        "schedules": list(schedules(system)),
    }
    replace(folder / AWS, data)
    for provider in PROVIDERS:
        state = state_of(system.urls[provider])
        replace(folder / provider.state_file, {name: value for name, value in state.items() if name != "requests"})


def with_webhooks(system: System, saved: str) -> str:
    """Return the secret for webhooks with those of this start first, because each start registers new webhooks."""
    others = [secret for secret in json.loads(saved).get("secrets", []) if secret not in system.webhook_secrets]
    return json.dumps({"secrets": [*system.webhook_secrets, *others[:WEBHOOK_SECRETS]]})


def without_webhooks(system: System, value: str) -> str:
    """Return the secret for webhooks without the secrets of this start."""
    secrets = json.loads(value).get("secrets", [])
    return json.dumps({"secrets": [secret for secret in secrets if secret not in system.webhook_secrets]})


def connections(system: System) -> dict[str, str]:
    """Return the secrets of the connections, which `aichats admin connect` creates, by their names."""
    secrets = SecretVersions(system.emulator.clients.secrets)
    names = secrets.names(f"{system.stack.outputs[WHOP.secret]}/")
    return {name: secrets.current(name).text for name in names}


def tables(system: System) -> list[str]:
    """Return the logical ids of the stack's tables."""
    resources = system.stack.template["Resources"]
    return [name for name, resource in resources.items() if resource["Type"] == "AWS::DynamoDB::Table"]


def schedules(system: System) -> Iterator[dict[str, Any]]:
    """Yield the requests that create the schedules again, except those that the template creates."""
    client = system.emulator.clients.schedules
    for summary in client.list_schedules(MaxResults=ALL)["Schedules"]:
        if summary["Name"] not in system.stack.resources.values():
            schedule: Mapping[str, Any] = client.get_schedule(Name=summary["Name"], GroupName=summary["GroupName"])
            yield {name: value for name, value in schedule.items() if name not in NOT_REQUESTED}


def put(system: System, table: str, items: list[dict[str, Any]]) -> None:
    """Write the items to a table.

    Raises:
        LocalError: the local AWS left items out of each of its answers.
    """
    for batch in batched(items, ITEMS_PER_WRITE, strict=False):
        requests: Any = {table: [{"PutRequest": {"Item": item}} for item in batch]}
        for _ in range(WRITES):
            answer = system.emulator.clients.dynamodb.batch_write_item(RequestItems=requests)
            requests = answer.get("UnprocessedItems")
            if not requests:
                break
        else:
            raise LocalError(f"the local AWS did not write all items of {table}. The kept data is unchanged: try again")


def replace(path: Path, content: object) -> None:
    """Write the content as JSON to a file that only this user can read, then replace the old file with it."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(content, default=str))
    new.replace(path)
