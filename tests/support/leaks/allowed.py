"""The places that are for secrets or for texts, each with the reason. No other place may contain any."""

from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from tests.support.leaks.bench import Place
from tests.support.leaks.canaries import Canaries
from tests.support.leaks.kinds import (
    BODY,
    CONTENT,
    FILE_NAME,
    MESSAGE,
    METADATA,
    RECEIVER_URL,
    SIGNING_SECRET,
    TITLE,
    TOKEN,
    UPLOAD_SIGNATURE,
    URL_SIGNATURE,
)


class Allowed(NamedTuple):
    """Places that may contain some kinds of canaries.

    Attributes:
        where: a pattern for the names of the places.
        kinds: the kinds that the places contain.
        reason: why they do.
    """

    where: str
    kinds: set[str]
    reason: str


IS_READ_BY_ITS_OWNER = "the API client has the scopes for it; a client without them has places of its own"
IS_PERFORMED_LATER = "the run sends this to the provider, perhaps a day later or after a replay"
ALLOWED = (
    Allowed("output of callers *", {TOKEN}, "a new token is shown once, because only its hash is stored"),
    Allowed("answer 20? to GET /chats*", {TITLE}, IS_READ_BY_ITS_OWNER),
    Allowed("answer 20? to POST /chats", {TITLE}, IS_READ_BY_ITS_OWNER),
    Allowed("answer 200 to PATCH /chats/ID", {TITLE}, IS_READ_BY_ITS_OWNER),
    Allowed("answer 20? to POST /files", {FILE_NAME}, IS_READ_BY_ITS_OWNER),
    Allowed("answer 201 to POST /files", {UPLOAD_SIGNATURE}, "the API client sends a large file there itself"),
    Allowed("answer 200 to GET /files/ID", {FILE_NAME}, IS_READ_BY_ITS_OWNER),
    Allowed("answer 20? to * /automations*", {TITLE, MESSAGE, URL_SIGNATURE}, IS_READ_BY_ITS_OWNER),
    Allowed("answer 201 to PUT /subscriptions/*", {SIGNING_SECRET}, "a new secret is shown once"),
    Allowed("answer 200 to POST /subscriptions/*/rotate", {SIGNING_SECRET}, "a new secret is shown once"),
    Allowed("answer 20? to * /subscriptions*", {RECEIVER_URL}, IS_READ_BY_ITS_OWNER),
    Allowed("EventsTable subscriptions.url", {RECEIVER_URL}, "events are sent there"),
    Allowed("answer 20? to * /kodey/chats*", {CONTENT}, IS_READ_BY_ITS_OWNER),
    Allowed("answer 200 to GET /runs", {TITLE, CONTENT}, IS_READ_BY_ITS_OWNER),
    Allowed("answer 200 to GET /runs/ID", {TITLE, MESSAGE, BODY}, IS_READ_BY_ITS_OWNER),
    Allowed("AutomationsTable row.definition", {TITLE, MESSAGE, URL_SIGNATURE}, "the automation as it was written"),
    Allowed("RunsTable row.action", {MESSAGE, CONTENT}, IS_PERFORMED_LATER),
    Allowed("RunsTable action.action", {TITLE, MESSAGE, BODY, CONTENT, METADATA, URL_SIGNATURE}, IS_PERFORMED_LATER),
    Allowed("RunsTable event.event", {BODY}, "the fields of an event whose text failed, for a replay after a fix"),
    Allowed("RunsTable row.title", {TITLE, BODY}, "finds the chat again if the answer to its creation is lost"),
    Allowed("RunsTable row.result", {TITLE, BODY, CONTENT}, "a repeated call gets the same answer"),
    Allowed("message in RunQueue", {BODY}, "an event whose automations are rendered from the queue"),
    Allowed("message in RunDeadLetters", {BODY}, "a message that can't be read, as it was"),
    Allowed("message in RunScheduleFailures", {TITLE, MESSAGE}, "the event of a schedule, as Lambda keeps it"),
)


def problems(places: Iterable[Place], canaries: Canaries) -> list[str]:
    """Return the places that contain what they may not, and the kinds that no longer are where they may be."""
    found: dict[str, set[str]] = defaultdict(set)
    for place in places:
        found[place.where] |= canaries.kinds_in(place.text)
    leaks = [f"{where} contains: {kind}" for where in found for kind in sorted(found[where] - _allowed_at(where))]
    unused = [
        f"{allowed.where} no longer contains: {kind}"
        for allowed in ALLOWED
        for kind in sorted(allowed.kinds)
        if not any(kind in kinds and fnmatchcase(where, allowed.where) for where, kinds in found.items())
    ]
    return leaks + unused


def _allowed_at(where: str) -> set[str]:
    return set[str]().union(*(allowed.kinds for allowed in ALLOWED if fnmatchcase(where, allowed.where)))
