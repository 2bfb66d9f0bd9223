"""The automations of a running system: written over its API, looked at in its table, its scheduler and its logs."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from aichats.aws.table import decode, encode
from aichats.runs.ledger.times import to_text
from local.system import System

CREATE_CHAT = {
    "type": "whop.create_chat",
    "title": "Weekly revenue {{ slot.date }}",
    "message_text": "Summarise last week.",
    "notification_preference": "none",
}

type Json = dict[str, Any]


class Automations:
    """Those of a system."""

    def __init__(self, system: System, api: httpx.Client) -> None:
        self.system = system
        self.api = api
        self._clients = system.emulator.clients
        self._table = system.stack.outputs["AutomationsTable"]

    def put(self, name: str, trigger: Json, *targets: str, action: Json = CREATE_CHAT, **fields: object) -> Json:
        """Create or replace one. Returns what the API answers."""
        body = {"trigger": trigger, "action": action, "targets": targets, **fields}
        answer = self.api.put(f"/automations/{name}", json=body)
        assert answer.is_success, answer.text
        written: Json = answer.json()
        return written

    def delete(self, name: str) -> None:
        """Delete one."""
        answer = self.api.delete(f"/automations/{name}")
        assert answer.status_code == 204, answer.text

    def delete_all(self) -> None:
        """Delete all."""
        for each in self.api.get("/automations").json()["data"]:
            self.delete(each["name"])

    def row(self, name: str) -> Json | None:
        """Its row in the table."""
        item = self._clients.dynamodb.get_item(TableName=self._table, Key={"name": {"S": name}}).get("Item")
        return decode(item) if item else None

    def rewrite(self, name: str, **moments: datetime) -> None:
        """Let its row say that something happened at another moment."""
        assert self.row(name)
        self._clients.dynamodb.update_item(
            TableName=self._table,
            Key={"name": {"S": name}},
            UpdateExpression="SET " + ", ".join(f"#{field} = :{field}" for field in moments),
            ExpressionAttributeNames={f"#{field}": field for field in moments},
            ExpressionAttributeValues=encode({f":{field}": to_text(moment) for field, moment in moments.items()}),
        )

    def age(self, name: str) -> None:
        """Let its row say that it changed long ago."""
        self.rewrite(name, changed_at=datetime.now(UTC) - timedelta(minutes=20))

    def schedules(self) -> set[str]:
        """The names of the schedules that automations have."""
        listed = self._clients.schedules.list_schedules(MaxResults=100)["Schedules"]
        prefix = self.schedule_name("")
        return {each["Name"].removeprefix(prefix) for each in listed if each["Name"].startswith(prefix)}

    def schedule_name(self, name: str) -> str:
        """What the schedule of an automation is called."""
        return f"{self.system.stack.name}-automation-{name}"

    def sweep(self) -> Json:
        """Sweep once. Returns what was done."""
        done: Json = self.system.invoke("SweepRunsFunction", {})
        return done

    def runs(self, name: str, **query: str) -> list[Json]:
        """Return its runs, the newest first, from all pages."""
        runs: list[Json] = []
        following: Json = {}
        while True:
            page = self.api.get("/runs", params={"automation": name, "limit": 100, **query, **following})
            assert page.is_success, page.text
            runs += page.json()["data"]
            if not (cursor := page.json()["next_cursor"]):
                return runs
            following = {"cursor": cursor}

    def chats(self, company: str) -> list[Json]:
        """A company's chats."""
        return [chat for chat in self.system.chats() if chat["company_id"] == company]

    def log(self, group: str, since: datetime) -> list[str]:
        """The lines of a log group since then."""
        start = int(since.timestamp() * 1000)
        events = self._clients.logs.filter_log_events(logGroupName=group, startTime=start)["events"]
        return [event["message"] for event in events]

    def counted(self, metric: str, since: datetime) -> int:
        """What the sweep added to a metric since then: it stands in its log, from where CloudWatch takes it."""
        lines = map(embedded_metrics, self.log(self.system.stack.outputs["SweepRunsLogs"], since))
        return sum(total(line[metric]) for line in lines if metric in line)


def embedded_metrics(message: str) -> Mapping[str, Any]:
    """A line of a log that holds metrics; empty if it is none."""
    try:
        fields: Mapping[str, Any] = json.loads(message)
    except ValueError:
        return {}
    return fields if "_aws" in fields else {}


def total(value: float | list[float]) -> int:
    """What a metric's value in a log adds up to."""
    return int(sum(value) if isinstance(value, list) else value)
