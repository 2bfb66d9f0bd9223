"""All places of a system that keep something: logs, tables, queues, the settings of functions, and files."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from aichats.aws.attributes import decode
from local.cloud.clients import Clients
from local.setup import ROOT
from tests.support.leaks.bench import LeakBench, Place
from tests.support.running_automations import embedded_metrics
from tests.support.waiting import turns

SKIPPED = {".git", ".tools", ".venv", "build"}
"""Folders of the project that a running system does not write."""
CODE = {".css", ".js", ".pem", ".py", ".pyc", ".so", ".zip"}
"""The ends of the names of files that are deployed."""
TABLES = ("RunsTable", "AutomationsTable", "EventsTable")

type Json = dict[str, Any]


def kept_places(bench: LeakBench, since: float) -> Iterator[Place]:
    """Yield all places that still have their content. ``since`` is a time before the start, in Unix seconds."""
    clients = bench.system.emulator.clients
    yield Place("arguments of processes", "\n".join(bench.processes))
    yield from _logs(clients)
    for table in TABLES:
        yield from _rows(clients, table, bench.system.stack.outputs[table])
    yield from _messages(clients)
    yield from _settings(clients, bench.system.stack.name)
    yield from _files(since)
    yield from _requests(bench)


def _logs(clients: Clients) -> Iterator[Place]:
    groups = [group["logGroupName"] for group in clients.logs.describe_log_groups()["logGroups"]]
    for group in groups:
        lines = list(_lines(clients, group))
        yield Place(f"log {group}", "\n".join(line for line in lines if not embedded_metrics(line)))
        yield Place(f"metrics {group}", "\n".join(line for line in lines if embedded_metrics(line)))


def _lines(clients: Clients, group: str) -> Iterator[str]:
    following: Json = {}
    for _ in turns():
        page = clients.logs.filter_log_events(logGroupName=group, **following)
        yield from (event["message"] for event in page["events"])
        if not page.get("nextToken"):
            return
        following = {"nextToken": page["nextToken"]}


def _rows(clients: Clients, table: str, name: str) -> Iterator[Place]:
    """Yield a place for each attribute of each kind of row."""
    for page in clients.dynamodb.get_paginator("scan").paginate(TableName=name):
        for item in map(decode, page["Items"]):
            kind = _kind_of(item)
            for attribute, value in item.items():
                yield Place(
                    f"{table} {kind}.{attribute}", value if isinstance(value, str) else json.dumps(value, default=str)
                )


def _kind_of(item: Json) -> str:
    """Return the beginning of an item's key, or ``row`` for a run or an automation."""
    if "pk" in item:
        return str(item["pk"]).partition("#")[0]
    key = str(item.get("run_id") or item["name"])
    return key.partition(":")[0] if ":" in key else "row"


def _messages(clients: Clients) -> Iterator[Place]:
    """Yield the messages in all queues. They stay there."""
    for url in clients.queues.list_queues()["QueueUrls"]:
        queue = url.rpartition("/")[2].split("-")[-2]
        for _ in turns():
            answer = clients.queues.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=600
            )
            if not answer.get("Messages"):
                break
            for message in answer["Messages"]:
                yield Place(f"message in {queue}", message["Body"])
                yield Place(f"attributes in {queue}", json.dumps(message.get("MessageAttributes", {}), default=str))


def _settings(clients: Clients, stack: str) -> Iterator[Place]:
    for function in clients.functions.list_functions()["Functions"]:
        settings = clients.functions.get_function_configuration(FunctionName=function["FunctionName"])
        yield Place("settings of functions", json.dumps(settings, default=str))
    for listed in clients.schedules.list_schedules(MaxResults=100)["Schedules"]:
        schedule = clients.schedules.get_schedule(GroupName=listed["GroupName"], Name=listed["Name"])
        yield Place("schedules", json.dumps(schedule, default=str))
    yield Place("stack", json.dumps(clients.cloudformation.describe_stacks(StackName=stack)["Stacks"], default=str))
    secrets = clients.secrets.get_paginator("list_secrets").paginate()
    yield Place("descriptions of secrets", json.dumps(list(secrets), default=str))


def _files(since: float) -> Iterator[Place]:
    """Yield all files of the project that were written since a time."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED]
        for file in (Path(folder) / name for name in files):
            # Other tests delete files meanwhile.
            with suppress(FileNotFoundError):
                if file.suffix not in CODE and file.is_file() and file.stat().st_mtime >= since:
                    yield Place(f"file {file.relative_to(ROOT)}", file.read_bytes().decode("latin-1"))


def _requests(bench: LeakBench) -> Iterator[Place]:
    """Yield the log of requests to the mock server's OAuth. Requests for chats have texts there, as at Whop."""
    requests = bench.whop_mock.state()["requests"]
    of_oauth = [request for request in requests if request["path"].startswith("/oauth/")]
    yield Place("request log of the mock server", json.dumps(of_oauth))
