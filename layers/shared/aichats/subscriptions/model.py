"""The definition of a subscription, as the API client sends it: where events go, which events, and in which form."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from aichats.events.model import SENT_EVENT_TYPES, SentEvent
from aichats.models import OrElse, Request
from aichats.templates.filters import matches
from aichats.templates.render import ANYTHING, Evaluator, check_expression

TEST_EVENT = "subscription.test"
"""The type of the event that a test sends. It can't be selected, because a test always sends it."""
ALL_EVENTS = "*"
"""The pattern that selects all events."""
FILTER_STEPS = 10_000
"""The limit of a filter for an event: a few milliseconds. An event may have to pass the filters of 100 subscriptions
within one invocation. A filter that compares ten fields takes about 500 steps."""
_FIELDS = dict.fromkeys(("id", "type", "version", "timestamp", "stack", "data"), ANYTHING)
"""The names in filters: the fields of an event's envelope."""


def event_patterns() -> tuple[str, ...]:
    """Return all texts that ``events`` may contain: ``*``, groups such as ``run.*``, and types of events."""
    types = [type_ for type_ in SENT_EVENT_TYPES if type_ != TEST_EVENT]
    return (ALL_EVENTS, *dict.fromkeys(map(_group_of, types)), *types)


def selects(patterns: Iterable[str], type_: str) -> bool:
    """Return whether patterns, such as those of a subscription, select a type of events."""
    return not {ALL_EVENTS, _group_of(type_), type_}.isdisjoint(patterns)


def _group_of(type_: str) -> str:
    return f"{type_.partition('.')[0]}.*"


def _known(pattern: str, info: ValidationInfo) -> str:
    # A newer version, which was rolled back, may have stored types that this version does not know.
    return pattern if (info.context or {}).get("stored") else known_pattern(pattern)


def known_pattern(pattern: str) -> str:
    """Return a pattern of events.

    Raises:
        ValueError: the pattern is unknown. The message names the nearest one.
    """
    if pattern in event_patterns():
        return pattern
    from difflib import get_close_matches

    nearest = get_close_matches(pattern, event_patterns(), n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else f". Use one of: {', '.join(event_patterns())}"
    raise ValueError(f"is not an event of aichats{hint}")


def _compiles(text: str) -> str:
    check_expression(text, _FIELDS)
    return text


type EventPattern = Annotated[
    str,
    Field(max_length=100, json_schema_extra={"enum": list(event_patterns())}),
    AfterValidator(_known),
]
type EnvelopeFilter = Annotated[
    str,
    Field(min_length=1, max_length=2000, examples=["data.automation == 'weekly-revenue'"]),
    AfterValidator(_compiles),
]


class Subscription(Request):
    """A receiver of events, and the events that it gets."""

    url: Annotated[
        str,
        Field(
            pattern=r"^[^\s\x00-\x1f\x7f]{1,2000}$",
            description="The URL that gets a POST for each event",
            examples=["https://example.com/aichats"],
        ),
        OrElse("must be a URL of at most 2000 characters, without spaces"),
    ]
    events: Annotated[
        list[EventPattern],
        Field(
            min_length=1,
            max_length=50,
            description="Types of events, groups such as `run.*`, or `*`",
            examples=[["run.failed", "automation.*"]],
        ),
    ]
    filter: Annotated[
        EnvelopeFilter | None,
        Field(description="JMESPath over the event. Only events for which it is true are sent"),
    ] = None
    format: Annotated[
        Literal["standard", "slack"],
        Field(description="`standard`: the event, signed by Standard Webhooks. `slack`: a message for Slack"),
    ] = "standard"
    enabled: Annotated[bool, Field(description="If false, nothing is sent")] = True
    include_reply: Annotated[
        bool, Field(description="If true, events about a Kodey chat contain the text of the reply")
    ] = False
    description: Annotated[str, Field(max_length=500)] | None = None

    def wants(self, event: SentEvent) -> bool:
        """Return whether this subscription selects an event.

        Raises:
            RenderError: the filter fails for this event.
        """
        if not self.enabled or not selects(self.events, event.type):
            return False
        return matches(event.envelope, [event.type], self.filter, Evaluator(FILTER_STEPS))
