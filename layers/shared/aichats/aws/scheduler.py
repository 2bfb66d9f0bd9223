"""EventBridge Scheduler: the schedules of one group."""

from collections.abc import Iterator
from typing import Any, Protocol

from aichats.aws.errors import AwsError, code_of
from aichats.aws.writes import Call
from aichats.frozen import frozen
from aichats.json_types import Json

PAGE_SCHEDULES = 100


class SchedulerClient(Protocol):
    """The methods of the client that this module uses."""

    def create_schedule(self, *args: Any, **request: Any) -> Any:
        """Create a schedule."""

    def get_schedule(self, *args: Any, **request: Any) -> Any:
        """Read a schedule."""

    def update_schedule(self, *args: Any, **request: Any) -> Any:
        """Replace a schedule as a whole."""

    def delete_schedule(self, *args: Any, **request: Any) -> Any:
        """Delete a schedule."""

    def list_schedules(self, *args: Any, **request: Any) -> Any:
        """Read a page of the schedules of a group."""


@frozen
class ScheduleGroup:
    """One group of schedules. A failed call raises :class:`AwsError <aichats.aws.errors.AwsError>`."""

    client: SchedulerClient
    name: str

    def create(self, schedule: Json) -> bool:
        """Create a schedule. Return ``False`` if a schedule with its name exists."""
        return self._call("ConflictException", self.client.create_schedule, schedule) is not None

    def get(self, name: str) -> Json | None:
        """Return a schedule; ``None`` if there is none."""
        return self._call("ResourceNotFoundException", self.client.get_schedule, {"Name": name})

    def update(self, schedule: Json) -> bool:
        """Replace a schedule as a whole. Return ``False`` if there is none."""
        return self._call("ResourceNotFoundException", self.client.update_schedule, schedule) is not None

    def delete(self, name: str) -> bool:
        """Delete a schedule. Return ``False`` if there was none."""
        return self._call("ResourceNotFoundException", self.client.delete_schedule, {"Name": name}) is not None

    def list(self, prefix: str) -> Iterator[Json]:
        """Yield a summary of each schedule whose name begins with a prefix."""
        request = {"GroupName": self.name, "NamePrefix": prefix, "MaxResults": PAGE_SCHEDULES}
        while True:
            page: Json = self.client.list_schedules(**request)
            yield from page["Schedules"]
            if not page.get("NextToken"):
                return
            request = request | {"NextToken": page["NextToken"]}

    def _call(self, expected: str, call: Call, request: Json) -> Json | None:
        """Return the response; ``None`` if the call fails with the expected code."""
        try:
            response: Json = call(**{"GroupName": self.name, **request})
        except AwsError as error:
            if code_of(error) == expected:
                return None
            raise
        return response
