"""Faults that a test arms, and that the next matching requests meet."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from local.standins.shared.exchange import Operation

FORMS = "status:CODE (400 to 599), drop_before, drop_after, error_after, delay:SECONDS, late:SECONDS or malformed"
FAULT = re.compile(r"status:[45]\d\d|drop_before|drop_after|error_after|(delay|late):\d+(\.\d+)?|malformed")


class Fault(BaseModel):
    """What goes wrong, for which requests, and how often.

    - ``status:CODE``: refused with CODE, nothing done
    - ``drop_before``: connection cut, nothing done
    - ``drop_after``: done, then the connection is cut
    - ``error_after``: done, then answered with 500
    - ``delay:SECONDS``: done, but answered only SECONDS later
    - ``late:SECONDS``: connection cut at once, done only SECONDS later
    - ``malformed``: done, then answered with what is not JSON
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    """Of the request, without its query; with ``/*`` at its end it stands for all that goes on from there."""
    times: int = Field(default=1, ge=1)
    fault: str

    @field_validator("fault")
    @classmethod
    def _known(cls, fault: str) -> str:
        if not FAULT.fullmatch(fault):
            raise PydanticCustomError("unknown_fault", f"should be {FORMS}")
        return fault

    @property
    def name(self) -> str:
        """The kind of fault, without its number."""
        return self.fault.partition(":")[0]

    @property
    def number(self) -> float:
        """The status or the seconds; 0 for the kinds that have none."""
        return float(self.fault.partition(":")[2] or 0)

    def meets(self, method: str, path: str) -> bool:
        """Whether a request meets this fault."""
        if self.path.endswith("/*"):
            return method == self.method and path.startswith(self.path[:-1])
        return method == self.method and path == self.path

    def can_meet(self, operation: Operation) -> bool:
        """Whether any request for ``operation`` could meet this fault."""
        wanted, offered = self.path.split("/"), operation.path.split("/")
        if wanted[-1] == "*":
            wanted[-1:] = offered[len(wanted) - 1 :] or ["*"]
        pairs = zip(wanted, offered, strict=False)
        same = len(wanted) == len(offered) and all(part == name or name.startswith("{") for part, name in pairs)
        return same and self.method == operation.method


class ArmedFaults:
    """The faults that are still to come, in the order they were armed in."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []

    def arm(self, faults: list[Fault]) -> None:
        """Add faults to those that are left; an empty list takes back all."""
        self.armed = [*self.armed, *faults] if faults else []

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that this request meets, which has then happened once more."""
        fault = next((fault for fault in self.armed if fault.meets(method, path)), None)
        if fault:
            fault.times -= 1
            self.armed = [left for left in self.armed if left.times]
        return fault
