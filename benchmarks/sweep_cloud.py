"""Mocks of DynamoDB, Scheduler and SQS in memory. They count each call, which takes a fixed virtual time."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aichats.automations.sweep_part import MAX_CONCURRENT_CALLS

CALL = 0.025
"""Seconds for each call."""
BEGUN = datetime(2026, 11, 20, 9, 6, tzinfo=UTC)
SCAN_BYTES = 1_000_000
"""Size in bytes of a page of a scan."""
ROW_BYTES = 1_000
"""Approximate size in bytes of an automation's row."""

type Json = dict[str, Any]


class Cloud:
    """The three services, and the time.

    Attributes:
        now: seconds since the start.
        calls: number of calls, by name.
        automations: the rows of automations by name, as DynamoDB stores them.
        runs: the rows of runs by id, as DynamoDB stores them, without those of slots.
        schedules: the entries of the list of schedules, sorted by name.
        definitions: the definition of each schedule, by name.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: Counter[str] = Counter()
        self.automations: dict[str, Json] = {}
        self.runs: dict[str, Json] = {}
        self.schedules: list[Json] = []
        self.definitions: dict[str, Json] = {}

    def clock(self) -> datetime:
        """Return the virtual time."""
        return BEGUN + timedelta(seconds=self.now)

    def time(self) -> float:
        """Return the virtual seconds since the start."""
        return self.now

    def call_all[T, R](self, function: Callable[[T], R], values: Sequence[T]) -> list[R]:
        """Call a function for each value, in the time that parallel workers would take. Return the results."""
        free = [self.now] * MAX_CONCURRENT_CALLS
        results = []
        for value in values:
            worker = free.index(min(free))
            self.now = free[worker]
            results.append(function(value))
            free[worker] = self.now
        self.now = max(free)
        return results

    # ------------------------------------------------------------------ DynamoDB

    def scan(self, **request: Any) -> Json:
        """Return a page of the automations; its index has no items."""
        self._called("Scan")
        if "IndexName" in request:
            return {"Items": []}
        names = list(self.automations)
        begin = int(request.get("ExclusiveStartKey", {}).get("name", {}).get("N", 0))
        end = begin + SCAN_BYTES // ROW_BYTES
        page: Json = {"Items": [self.automations[name] for name in names[begin:end]]}
        return page | ({"LastEvaluatedKey": {"name": {"N": str(end)}}} if names[end:] else {})

    def query(self, **request: Any) -> Json:
        """Return a page of the open runs under a key of their index."""
        self._called(f"Query {request['IndexName']}")
        values = request["ExpressionAttributeValues"]
        after = request.get("ExclusiveStartKey", {}).get("due_at", {}).get("S", "")
        due_runs = sorted(
            (item["due_at"]["S"], run_id)
            for run_id, item in self.runs.items()
            if item.get("open_state") == values[":open_state"] and after < item["due_at"]["S"] < values[":before"]["S"]
        )
        shown = [{"run_id": {"S": run_id}, "due_at": {"S": due}} for due, run_id in due_runs[: request["Limit"]]]
        return {"Items": shown} | ({"LastEvaluatedKey": shown[-1]} if due_runs[request["Limit"] :] else {})

    def get_item(self, **_request: Any) -> Json:
        """Return no item, because the items that the sweep reads singly don't exist."""
        self._called("GetItem")
        return {}

    def put_item(self, **_request: Any) -> Json:
        """Accept an item."""
        self._called("PutItem")
        return {}

    def batch_get_item(self, **request: Any) -> Json:
        """Return rows of runs. Rows of slots have only their key."""
        self._called("BatchGetItem")
        [(table, query)] = request["RequestItems"].items()
        ids = [key["run_id"]["S"] for key in query["Keys"]]
        items = [self.runs.get(run_id, {"run_id": {"S": run_id}}) for run_id in ids]
        return {"Responses": {table: items}}

    def update_item(self, **request: Any) -> Json:
        """Change a row."""
        self._called("UpdateItem")
        self._change(request)
        return {}

    def transact_write_items(self, **request: Any) -> Json:
        """Change or write rows."""
        self._called("TransactWriteItems")
        for write in request["TransactItems"]:
            if "Update" in write:
                self._change(write["Update"])
        return {}

    # ------------------------------------------------------------------ Scheduler, SQS

    def list_schedules(self, **request: Any) -> Json:
        """Return a page of the schedules."""
        self._called("ListSchedules")
        begin = int(request.get("NextToken", 0))
        end = begin + request["MaxResults"]
        return {"Schedules": self.schedules[begin:end]} | ({"NextToken": str(end)} if self.schedules[end:] else {})

    def create_schedule(self, **request: Any) -> Json:
        """Create a schedule."""
        self._called("CreateSchedule")
        self.definitions[request["Name"]] = request
        dates = dict.fromkeys(("CreationDate", "LastModificationDate"), BEGUN - timedelta(days=1))
        self.schedules.append({"Name": request["Name"], **dates})
        return {}

    def get_schedule(self, **request: Any) -> Json:
        """Return a schedule."""
        self._called("GetSchedule")
        return self.definitions[request["Name"]]

    def send_message_batch(self, **_request: Any) -> Json:
        """Accept messages."""
        self._called("SendMessageBatch")
        return {}

    def _called(self, name: str) -> None:
        self.calls[name] += 1
        self.now += CALL

    def _change(self, request: Mapping[str, Any]) -> None:
        """Set the attributes of a row that the request names."""
        [(key, name)] = ((key, value["S"]) for key, value in request["Key"].items())
        item = (self.automations if key == "name" else self.runs)[name]
        for value_name, value in request["ExpressionAttributeValues"].items():
            attribute = value_name.removeprefix(":").removeprefix("new_")
            if f"#{attribute} = {value_name}" in request["UpdateExpression"]:
                item[attribute] = value
