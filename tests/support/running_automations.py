"""The automations of a running system, written over its API and read from its table, scheduler and logs."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from aichats.aws.attributes import decode, encode
from aichats.runs.ledger.times import to_text
from local.system import System
from tests.support.waiting import turns

CREATE_CHAT = {
    "type": "whop.create_chat",
    "title": "Weekly revenue {{ slot.date }}",
    "message_text": "Summarize last week.",
    "notification_preference": "none",
}

type Json = dict[str, Any]


class Automations:
    """The automations of a system."""

    def __init__(self, system: System, api: httpx.Client) -> None:
        self.system = system
        self.api = api
        self._clients = system.emulator.clients
        self._table = system.stack.outputs["AutomationsTable"]

    def put(self, name: str, trigger: Json, *targets: str, action: Json = CREATE_CHAT, **fields: object) -> Json:
        """Create or replace an automation. Return the response of the API."""
        body = {"trigger": trigger, "action": action, "targets": targets, **fields}
        answer = self.api.put(f"/automations/{name}", json=body)
        assert answer.is_success, answer.text
        written: Json = answer.json()
        return written

    def delete(self, name: str) -> None:
        """Delete an automation."""
        answer = self.api.delete(f"/automations/{name}")
        assert answer.status_code == 204, answer.text

    def delete_all(self) -> None:
        """Delete all automations."""
        for each in self.api.get("/automations").json()["data"]:
            self.delete(each["name"])

    def row(self, name: str) -> Json | None:
        """Return the row of an automation; ``None`` if there is none."""
        item = self._clients.dynamodb.get_item(TableName=self._table, Key={"name": {"S": name}}).get("Item")
        return decode(item) if item else None

    def rewrite(self, name: str, **times: datetime) -> None:
        """Change times in the row of an automation."""
        assert self.row(name)
        self._clients.dynamodb.update_item(
            TableName=self._table,
            Key={"name": {"S": name}},
            UpdateExpression="SET " + ", ".join(f"#{field} = :{field}" for field in times),
            ExpressionAttributeNames={f"#{field}": field for field in times},
            ExpressionAttributeValues=encode({f":{field}": to_text(time) for field, time in times.items()}),
        )

    def age(self, name: str) -> None:
        """Set the last change of an automation to 20 minutes ago."""
        self.rewrite(name, changed_at=datetime.now(UTC) - timedelta(minutes=20))

    def schedules(self) -> set[str]:
        """Return the names of the automations that have a schedule."""
        listed = self._clients.schedules.list_schedules(MaxResults=100)["Schedules"]
        prefix = self.schedule_name("")
        return {each["Name"].removeprefix(prefix) for each in listed if each["Name"].startswith(prefix)}

    def schedule_name(self, name: str) -> str:
        """Return the name of an automation's schedule."""
        return f"{self.system.stack.name}-automation-{name}"

    def sweep(self) -> Json:
        """Sweep once. Return the numbers that the function reports."""
        done: Json = self.system.invoke("SweepRunsFunction", {})
        return done

    def runs(self, name: str, **query: str) -> list[Json]:
        """Return the runs of an automation, newest first, from all pages."""
        runs: list[Json] = []
        following: Json = {}
        turn = turns()
        while True:
            next(turn)
            page = self.api.get("/runs", params={"automation": name, "limit": 100, **query, **following})
            assert page.is_success, page.text
            runs += page.json()["data"]
            if not (cursor := page.json()["next_cursor"]):
                return runs
            following = {"cursor": cursor}

    def labels_of(self, run_id: str) -> Json:
        """Return the labels of a run."""
        table, key = self.system.stack.outputs["RunsTable"], {"run_id": {"S": run_id}}
        labels: Json = decode(self._clients.dynamodb.get_item(TableName=table, Key=key)["Item"])["labels"]
        return labels

    def chats(self, company: str) -> list[Json]:
        """Return the chats of a company."""
        return [chat for chat in self.system.chats() if chat["company_id"] == company]

    def log(self, group: str, since: datetime) -> list[str]:
        """Return the lines of a log group since a time."""
        start = int(since.timestamp() * 1000)
        events = self._clients.logs.filter_log_events(logGroupName=group, startTime=start)["events"]
        return [event["message"] for event in events]

    def counted(self, metric: str, since: datetime, logs: str = "SweepRunsLogs") -> int:
        """Return the sum that a function has added to a metric since a time, from its log, as CloudWatch reads it.

        ``logs`` is the output of the stack that names the log group.
        """
        lines = map(embedded_metrics, self.log(self.system.stack.outputs[logs], since))
        return sum(total(line[metric]) for line in lines if metric in line)


def company() -> str:
    """Return a company that no other test uses."""
    return f"biz_{uuid.uuid4().hex}"


def embedded_metrics(message: str) -> Mapping[str, Any]:
    """Return the fields of a log line with metrics; empty for any other line."""
    try:
        fields: Mapping[str, Any] = json.loads(message)
    except ValueError:
        return {}
    return fields if "_aws" in fields else {}


def total(value: float | list[float]) -> int:
    """Return the sum of a metric's value in a log."""
    return int(sum(value) if isinstance(value, list) else value)
