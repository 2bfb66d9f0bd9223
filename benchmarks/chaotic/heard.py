"""Compare what a subscriber heard, and what `GET /usage` answers, with the rows of the table of runs."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

type Item = Mapping[str, Any]
"""The attributes of a run in DynamoDB."""
type SlotCounts = Mapping[str, int]
"""The runs of a slot by status."""

REPLY_EVENTS = {"replied_at": "run.replied", "reply_overdue_at": "run.reply_overdue"}
"""The events that follow from an attribute of an ended run."""
GROUPS: Mapping[str, Callable[[Item], str | None]] = {
    "automation": lambda row: row.get("automation"),
    "target": lambda row: row.get("target"),
    "day": lambda row: str(row["created_at"])[:10],
}
"""The values of `by`, and the group of a run."""
EXAMPLES = 5
"""The number of examples of each kind of error."""


class End(NamedTuple):
    """Something of a run that a subscriber must hear of: its end, its reply or that the reply is overdue."""

    run_id: str
    type: str


class Delivery(NamedTuple):
    """A request that a subscriber read."""

    id: str
    """The header ``webhook-id``."""
    body: bytes
    at: float
    """The time of its arrival in seconds since 1970."""


class Usage(NamedTuple):
    """The numbers of a group in `GET /usage`."""

    runs: Mapping[str, int]
    """The runs by status, without zeros and without the total."""
    replies: int
    tokens: Decimal


@dataclass(frozen=True)
class Heard:
    """The deliveries of a subscriber.

    Attributes:
        deliveries: all requests that it read.
    """

    deliveries: Sequence[Delivery] = field(default_factory=tuple)

    @cached_property
    def events(self) -> Mapping[str, Item]:
        """The first body with each id."""
        return {each.id: json.loads(each.body) for each in reversed(self.deliveries)}

    @cached_property
    def ids(self) -> Mapping[End, set[str]]:
        """The ids of the events of each end."""
        ids: defaultdict[End, set[str]] = defaultdict(set)
        for name, event in self.events.items():
            if "run_id" in event["data"]:
                ids[End(event["data"]["run_id"], event["type"])].add(name)
        return ids

    @property
    def duplicates(self) -> int:
        """The number of deliveries whose id came before."""
        return len(self.deliveries) - len(self.events)

    @property
    def contradictions(self) -> list[str]:
        """The ids with different bodies, the bodies with another id than the header, and the ends with several ids."""
        bodies: defaultdict[str, set[bytes]] = defaultdict(set)
        for each in self.deliveries:
            bodies[each.id].add(each.body)
        return [
            *(f"{name} has {len(texts)} different bodies" for name, texts in bodies.items() if len(texts) > 1),
            *(
                f"{name} has the id {event['id']} in its body"
                for name, event in self.events.items()
                if event["id"] != name
            ),
            *(f"{end.type} of run {end.run_id} has {len(ids)} ids" for end, ids in self.ids.items() if len(ids) > 1),
        ]

    def missing(self, expected: Iterable[End]) -> list[End]:
        """Return the ends that the subscriber did not hear of."""
        return [end for end in expected if end not in self.ids]

    def invented(self, expected: Iterable[End]) -> list[End]:
        """Return the ends that the subscriber heard of although they are not expected."""
        return sorted(self.ids.keys() - set(expected))

    def slot_differences(self, rows: Iterable[Item]) -> list[str]:
        """Return how the events about finished slots differ from the runs of these slots."""
        heard: defaultdict[tuple[str, str], list[SlotCounts]] = defaultdict(list)
        for event in self.events.values():
            if event["type"] == "slot.finished":
                heard[event["data"]["automation"], event["data"]["slot"]].append(without_zeros(event["data"]["counts"]))
        expected = slots(rows)
        return [
            f"slot {slot[1]} of {slot[0]}: expected {expected.get(slot)}, heard {heard[slot]}"
            for slot in sorted(expected.keys() | heard.keys())
            if heard[slot] != [expected.get(slot)]
        ]


def ends(rows: Iterable[Item]) -> list[End]:
    """Return everything that a subscriber must hear of these rows."""
    ended = [row for row in rows if "ended" in row]
    return [
        *(End(row["run_id"], f"run.{row['status']}") for row in ended),
        *(End(row["run_id"], kind) for row in ended for name, kind in REPLY_EVENTS.items() if name in row),
    ]


def slots(rows: Iterable[Item]) -> dict[tuple[str, str], SlotCounts]:
    """Return the runs by status of each slot that has several runs."""
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row.get("slot"):
            counts[row["automation"], row["slot"]][row["status"]] += 1
    return {slot: dict(each) for slot, each in counts.items() if each.total() > 1}


def recount(rows: Iterable[Item], by: str) -> dict[str | None, Usage]:
    """Return the usage of all ended runs in groups."""
    groups: defaultdict[str | None, list[Item]] = defaultdict(list)
    for row in rows:
        if "ended" in row:
            groups[GROUPS[by](row)].append(row)
    return {
        group: Usage(
            runs=dict(Counter(row["status"] for row in each)),
            replies=sum("replied_at" in row for row in each),
            tokens=sum((Decimal(row.get("tokens", 0)) for row in each), Decimal()),
        )
        for group, each in groups.items()
    }


def answered(answer: Item, by: str) -> dict[str | None, Usage]:
    """Return the groups in an answer of `GET /usage` that are not empty."""
    groups = {
        each[by]: Usage(
            runs={name: number for name, number in each["runs"].items() if number and name != "total"},
            replies=each["replies"],
            tokens=Decimal(each["tokens"]),
        )
        for each in answer["data"]
    }
    return {group: each for group, each in groups.items() if each.runs or each.replies or each.tokens}


def usage_differences(rows: Sequence[Item], answers: Mapping[str, Item]) -> list[str]:
    """Return how the answers of `GET /usage`, by their `by`, differ from a recount of the rows."""
    pairs = [(by, recount(rows, by), answered(answer, by)) for by, answer in answers.items()]
    return [
        f"usage by {by} of {group}: counted {counted.get(group)}, answered {told.get(group)}"
        for by, counted, told in pairs
        for group in sorted(counted.keys() | told.keys(), key=str)
        if counted.get(group) != told.get(group)
    ]


def without_zeros(counts: Mapping[str, int]) -> SlotCounts:
    """Return the counts that are not zero."""
    return {name: number for name, number in counts.items() if number}


def examples(errors: Sequence[object]) -> list[str]:
    """Return the first errors as texts, and how many more there are."""
    more = len(errors) - EXAMPLES
    return [*map(str, errors[:EXAMPLES]), *([f"… and {more} more"] if more > 0 else [])]
