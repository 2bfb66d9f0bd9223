"""The time zone of the machine: a name, so that times are right after the next change of the clocks."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from aichats_cli.errors import CommandError, UsageError
from aichats_cli.runs.selection import MAX_WINDOW, select
from aichats_cli.session import Session
from aichats_cli.system import System
from aichats_cli.zones import machine_zone, zone_named


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":America/New_York", "America/New_York"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        ("Etc/UTC", "UTC"),
        ("", "UTC"),
    ],
)
def test_the_variable_names_the_zone(variable: str, name: str, tmp_path: Path) -> None:
    assert machine_zone({"TZ": variable}, link_to("/usr/share/zoneinfo/Europe/Rome", tmp_path)) == ZoneInfo(name)


@pytest.mark.parametrize("variable", ["CET-1CEST", "Europe/Nowhere", "/etc/passwd", "../../etc/passwd", "Europe"])
def test_a_variable_without_the_name_of_a_zone_names_none(variable: str) -> None:
    assert machine_zone({"TZ": variable}) is None


@pytest.mark.parametrize(
    "target",
    ["/usr/share/zoneinfo/Europe/Rome", "/var/db/timezone/zoneinfo/Europe/Rome", "/x/zoneinfo/posix/Europe/Rome"],
)
def test_the_link_of_the_operating_system_names_the_zone(target: str, tmp_path: Path) -> None:
    assert machine_zone({}, link_to(target, tmp_path)) == ZoneInfo("Europe/Rome")


def test_a_link_to_a_link_names_the_zone(tmp_path: Path) -> None:
    link_to("/usr/share/zoneinfo/Europe/Rome", tmp_path)
    (tmp_path / "localtime").symlink_to("zone")

    assert machine_zone({}, tmp_path / "localtime") == ZoneInfo("Europe/Rome")


def test_a_copied_file_names_no_zone(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(b"TZif2")

    assert machine_zone({}, tmp_path / "localtime") is None
    assert machine_zone({}, tmp_path / "missing") is None


def test_links_in_a_circle_name_no_zone(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    assert machine_zone({}, tmp_path / "a") is None


def test_an_unknown_zone_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="'Europe/Nowhere' is not a time zone"):
        zone_named("Europe/Nowhere")


@pytest.mark.parametrize(
    ("text", "time"), [("2026-10-24 9:00", "2026-10-24T09:00:00+02:00"), ("sun 9:00", "2026-10-25T09:00:00+01:00")]
)
def test_a_time_after_the_change_of_the_clocks_has_the_later_offset(text: str, time: str) -> None:
    assert session(TZ="Europe/Berlin").future(text) == time


def test_times_are_shown_with_the_offset_of_their_own_day() -> None:
    shown = session(TZ="Europe/Berlin").when

    assert [shown("2026-10-24T07:00:00Z"), shown("2026-10-25T08:00:00Z")] == ["Sat 24 Oct 09:00", "Sun 25 Oct 09:00"]


def test_a_machine_that_names_no_zone_has_the_offset_of_now() -> None:
    assert session(TZ="CET-1CEST").now().utcoffset() is not None


@pytest.fixture
def no_zones() -> Iterator[None]:
    """Let this process find no time zones, as in a container without them."""
    paths = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([])
    ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(paths)
    ZoneInfo.clear_cache()


@pytest.mark.usefixtures("no_zones")
def test_a_machine_without_time_zones_says_what_to_install() -> None:
    with pytest.raises(CommandError, match="this machine has no time zones") as raised:
        zone_named("Europe/Berlin")

    assert raised.value.hint == "install the package tzdata of your system, or: pip install tzdata"
    assert machine_zone({"TZ": "Europe/Berlin"}) is None


def test_no_window_of_runs_is_longer_than_the_api_takes_when_the_clocks_go_back() -> None:
    berlin = Session(System(variables={"TZ": "Europe/Berlin"}, now=lambda: datetime(2026, 11, 20, tzinfo=UTC)))

    windows = select(berlin, [], {}, since="90d", until=None).filters

    spans = [
        [datetime.fromisoformat(each.get(end) or "2026-11-20T00:00Z") for end in ("since", "until")] for each in windows
    ]
    assert [until - since for since, until in spans[:-1]] == [MAX_WINDOW] * (len(spans) - 1)
    assert spans[-1][0] == datetime(2026, 8, 22, 1, tzinfo=ZoneInfo("Europe/Berlin"))


def session(**variables: str) -> Session:
    return Session(System(variables=variables, now=lambda: datetime(2026, 10, 24, 6, tzinfo=UTC)))


def link_to(target: str, folder: Path) -> Path:
    link = folder / "zone"
    link.symlink_to(target)
    return link
