"""The log of a run's attempts: the calls to its provider, with status, request id and duration.

The log is part of the run's row and is written together with the results of an attempt. So it is short: a call takes
about 70 bytes, consecutive calls that are alike share an entry, and only the newest entries are kept.
"""

import json
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from aichats.frozen import frozen
from aichats.http.call_log import CallRecord
from aichats.runs.ledger.rows import Row

MAX_ENTRIES = 20
MAX_CALL_CHARACTERS = 100
MAX_REQUEST_ID_CHARACTERS = 64
MILLISECOND = timedelta(milliseconds=1)

type _Stored = list[int | str | None]
"""An entry: milliseconds since the run's creation, call, status, request id, duration in milliseconds, times."""


@frozen
class LoggedCall:
    """One or several consecutive calls that are alike.

    Attributes:
        at: the time of the first call.
        call: the method and the path.
        status: the status of the responses; ``None`` if there was no response.
        request_id: the provider's id of the last request.
        milliseconds: the duration of all calls together.
        times: the number of calls.
    """

    at: datetime
    call: str
    status: int | None
    request_id: str | None
    milliseconds: int
    times: int


def with_calls(row: Row, calls: Sequence[CallRecord], now: datetime) -> str | None:
    """Return the log of a run with further calls; ``None`` if it is empty."""
    if not calls:
        return row.calls
    entries: list[_Stored] = json.loads(row.calls or "[]")
    for call in calls:
        entry = _entry(row, call, now)
        if entries and entries[-1][1:3] == entry[1:3]:
            last = entries[-1]
            entry = [last[0], *entry[1:4], _number(last[4]) + _number(entry[4]), _number(last[5]) + 1]
            entries.pop()
        entries.append(entry)
    return json.dumps(entries[-MAX_ENTRIES:], ensure_ascii=False, separators=(",", ":"))


def logged_calls(row: Row) -> list[LoggedCall]:
    """Return the log of a run, oldest call first."""
    entries: Sequence[_Stored] = json.loads(row.calls or "[]")
    return [
        LoggedCall(
            at=row.created_at + _number(entry[0]) * MILLISECOND,
            call=str(entry[1]),
            status=_number(entry[2]) or None,
            request_id=str(entry[3]) if entry[3] else None,
            milliseconds=_number(entry[4]),
            times=_number(entry[5]),
        )
        for entry in entries
    ]


def _entry(row: Row, call: CallRecord, now: datetime) -> _Stored:
    began = now - timedelta(seconds=time.monotonic() - call.began)
    since_creation = (began - row.created_at) // MILLISECOND
    request_id = (call.request_id or "")[:MAX_REQUEST_ID_CHARACTERS] or None
    milliseconds = round(call.seconds * 1000)
    return [since_creation, call.call[:MAX_CALL_CHARACTERS], call.status, request_id, milliseconds, 1]


def _number(value: int | str | None) -> int:
    return value if isinstance(value, int) else 0
