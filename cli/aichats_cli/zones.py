"""The time zone of the machine, by its name: the offset alone is wrong after the next change of the clocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from aichats_cli.errors import CommandError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCALTIME = Path("/etc/localtime")
FOLDER = "/zoneinfo/"
"""The folder of the time zones. Its path depends on the operating system."""
MOST_LINKS = 10


def machine_zone(variables: Mapping[str, str], localtime: Path = LOCALTIME) -> ZoneInfo | None:
    """Return the time zone that the variable ``TZ`` or the operating system names; ``None`` if none is named."""
    named = variables.get("TZ")
    name = linked_zone(localtime) if named is None else named.removeprefix(":").rpartition(FOLDER)[2] or "UTC"
    try:
        return zone_named(name) if name else None
    except CommandError:
        return None  # a rule, such as CET-1CEST, or the path of a file


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone, such as ``Europe/Berlin``.

    Raises:
        UsageError: the time zone doesn't exist.
        CommandError: this machine has no time zones, as in some containers.
    """
    try:
        return ZoneInfo("UTC" if name == "Etc/UTC" else name)
    except (ValueError, OSError, KeyError):  # a path outside the folder, a folder, an unknown name
        if not available_timezones():
            raise CommandError(
                "this machine has no time zones", "install the package tzdata of your system, or: pip install tzdata"
            ) from None
        raise UsageError(f"{name!r} is not a time zone", "write a name such as Europe/Berlin or UTC") from None


def linked_zone(link: Path) -> str | None:
    """Return the name of the time zone to which a link leads, such as `/etc/localtime`; ``None`` for a copied file."""
    for _ in range(MOST_LINKS):
        try:
            link = link.parent / link.readlink()
        except OSError:
            return None
        if FOLDER in str(link):
            return str(link).rpartition(FOLDER)[2].removeprefix("posix/").removeprefix("right/")
    return None
