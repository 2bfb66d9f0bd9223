"""Faults that a client arms for the next matching requests."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from local.standins.shared.exchange import Operation

FORMS = "status:CODE (400 to 599), drop_before, drop_after, error_after, delay:SECONDS, late:SECONDS or malformed"
FAULT = re.compile(r"status:[45]\d\d|drop_before|drop_after|error_after|(delay|late):\d+(\.\d+)?|malformed")


class Fault(BaseModel):
    """A fault, the requests that it matches, and how often it occurs.

    - ``status:CODE``: rejected with CODE, not performed
    - ``drop_before``: connection aborted, not performed
    - ``drop_after``: performed, then the connection is aborted
    - ``error_after``: performed, then answered with 500
    - ``delay:SECONDS``: performed, but answered only SECONDS later
    - ``late:SECONDS``: connection aborted immediately, performed only SECONDS later
    - ``malformed``: performed, then answered with a body that isn't JSON
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Path of the request without its query. With ``/*`` at its end, it matches all paths that start with it."""
    times: int = Field(default=1, ge=1)
    fault: str

    @field_validator("fault")
    @classmethod
    def _known(cls, fault: str) -> str:
        if not FAULT.fullmatch(fault):
            raise ValueError(f"must be {FORMS}")
        return fault

    @property
    def name(self) -> str:
        """The kind of fault, without its number."""
        return self.fault.partition(":")[0]

    @property
    def number(self) -> float:
        """The status or the seconds, or 0 for kinds without a number."""
        return float(self.fault.partition(":")[2] or 0)

    def meets(self, method: str, path: str) -> bool:
        """Return whether the fault matches a request."""
        if self.path.endswith("/*"):
            return method == self.method and path.startswith(self.path[:-1])
        return method == self.method and path == self.path

    def can_meet(self, operation: Operation) -> bool:
        """Return whether the fault can match a request for ``operation``."""
        parts, names = self.path.split("/"), operation.path.split("/")
        if parts[-1] == "*":
            parts[-1:] = names[len(parts) - 1 :] or ["*"]
        pairs = zip(parts, names, strict=False)
        same = len(parts) == len(names) and all(part == name or name.startswith("{") for part, name in pairs)
        return same and self.method == operation.method


class ArmedFaults:
    """The faults that haven't occurred yet, in the order in which they were armed."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []

    def arm(self, faults: list[Fault]) -> None:
        """Add faults. An empty list removes all."""
        self.armed = [*self.armed, *faults] if faults else []

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault that matches the request, and count its occurrence."""
        fault = next((fault for fault in self.armed if fault.meets(method, path)), None)
        if fault:
            fault.times -= 1
            self.armed = [left for left in self.armed if left.times]
        return fault
