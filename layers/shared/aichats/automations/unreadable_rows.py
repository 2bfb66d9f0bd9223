"""Notes about the rows that this version of the code cannot read, from which events are made."""

from collections.abc import Iterator
from dataclasses import field

from aichats.automations.row import AutomationRow, RowHeader
from aichats.automations.sweep_part import CallAll, call_concurrently
from aichats.automations.table import AutomationTable, Contents
from aichats.frozen import frozen


@frozen
class UnreadableRows:
    """Notes unreadable rows, once for each version of a row.

    Args:
        store: the table of automations.
        call_all: makes concurrent calls to AWS.
    """

    store: AutomationTable
    call_all: CallAll = call_concurrently
    _noted: set[tuple[str, str]] = field(default_factory=set, repr=False, compare=False)
    """The rows that this process has noted, by their names and ETags. Other processes may note them again in vain."""

    def note(self, contents: Contents) -> None:
        """Note the unreadable rows, except those that are being deleted."""
        headers = [header for header in _unreadable(contents) if (header.name, header.etag) not in self._noted]
        self.call_all(self.store.note_unreadable, headers)
        self._noted.update((header.name, header.etag) for header in headers)


def _unreadable(contents: Contents) -> Iterator[RowHeader]:
    for header in contents.headers:
        if not isinstance(header, AutomationRow) and header.state != "deleting":
            yield header
    # Not even the version of these rows can be read.
    for name in sorted(contents.names - {header.name for header in contents.headers}):
        yield RowHeader(name, 0, "", "active")
