"""Tables: columns that fit the terminal, or that are never cut."""

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from aichats_cli.output import CODES, Format, Output
from aichats_cli.tables import GAP, table_lines, width_of
from tests.support.cli import Terminal

RUN = "2f7a9c0e4b1d4c3a8e5f6a7b8c9d0e1f"
WHY = "Whop rejected the message: the agent of this company is disabled"
TITLES = ["RUN", "STATUS", "ERROR", "TRIES"]
WORDS = st.text("ab -0é報", max_size=60)


def lines(titles: list[str], rows: list[list[str]], space: int | None) -> list[str]:
    return list(table_lines(titles, rows, lambda text, _: text, space))


def test_columns_are_two_spaces_apart_and_numbers_are_at_the_right() -> None:
    assert lines(["NAME", "RUNS"], [["daily", "1,200"], ["a", "7"]], None) == [
        "NAME    RUNS",
        "daily  1,200",
        "a          7",
    ]


def test_without_a_limit_nothing_is_wrapped() -> None:
    assert lines(TITLES, [[RUN, "failed", WHY, "3"]], None)[1] == f"{RUN}  failed  {WHY}      3"


def test_a_text_is_wrapped_between_words() -> None:
    assert lines(TITLES, [[RUN, "failed", WHY, "3"]], 100) == [
        "RUN                               STATUS  ERROR                                                TRIES",
        f"{RUN}  failed  Whop rejected the message: the agent of this             3",
        "                                          company is disabled",
    ]


def test_the_widest_column_that_does_not_fit_is_below_each_row_with_its_title() -> None:
    assert lines(TITLES, [[RUN, "failed", WHY, "3"], [RUN, "succeeded", "", "1"]], 64) == [
        "RUN                               STATUS     TRIES",
        f"{RUN}  failed         3",
        "  error Whop rejected the message: the agent of this company is",
        "        disabled",
        f"{RUN}  succeeded      1",
    ]


def test_several_columns_below_a_row_share_a_line() -> None:
    shown = lines(["RUN", "AUTOMATION", "TARGET"], [[RUN, "daily-numbers-of-all", "biz_AbCdEfGh123456789"]], 72)

    assert shown[1:] == [f"{RUN}  daily-numbers-of-all", "  target biz_AbCdEfGh123456789"]
    assert lines(["RUN", "AUTOMATION", "TARGET"], [[RUN, "daily-numbers-of-all", "biz_AbCdEfGh12345"]], 50)[1:] == [
        RUN,
        "  automation daily-numbers-of-all",
        "  target biz_AbCdEfGh12345",
    ]
    assert lines(["RUN", "A", "B"], [[RUN, "x" * 12, "y" * 12]], 40)[1:] == [RUN, f"  a {'x' * 12}  b {'y' * 12}"]


def test_wide_characters_take_two_columns() -> None:
    assert lines(["NAME", "STATE"], [["報告", "active"], ["daily", "paused"]], None) == [
        "NAME   STATE",
        "報告   active",
        "daily  paused",
    ]


@given(st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=4), st.integers(40, 120))
def test_no_word_is_lost_or_cut_and_lines_with_short_words_fit(rows: list[list[str]], space: int) -> None:
    shown = lines(["A", "B", "C"], rows, space)

    words = sorted(word for row in rows for cell in row for word in cell.split())
    printed = sorted(word for line in shown[1:] for word in line.split())
    assert [word for word in words if word not in printed] == []
    longest = max([width_of(word) for word in words], default=0)
    if 3 * longest + 2 * GAP + len("a ") <= space:
        assert max(map(width_of, shown)) <= space


def output(stream: io.StringIO, **variables: str) -> Output:
    return Output(Format.table, stream, variables, stream)


def test_the_width_is_that_of_the_terminal_or_of_a_variable() -> None:
    assert output(Terminal()).width == 80
    assert output(Terminal(), COLUMNS="120").width == 120
    assert output(Terminal(), COLUMNS="1").width == 40


def test_a_status_has_its_color_on_a_terminal_and_with_force_color() -> None:
    red = f"\033[{CODES['red']}mfailed\033[0m"
    for stream, variables, is_colored in (
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
    ):
        Output(Format.table, stream, variables, stream).table(["status"], [["failed"]])
        assert (red in stream.getvalue()) is is_colored


def test_a_list_without_items_is_a_note_in_a_table_and_an_empty_list_in_json() -> None:
    out, notes = io.StringIO(), io.StringIO()

    Output(Format.table, out, {}, notes).items([], {"name": str}, empty="no automations yet: aichats auto create")
    Output(Format.json, out, {}, notes).items([], {"name": str})
    Output(Format.name, out, {}, notes).items([], {"name": str})

    assert (out.getvalue(), notes.getvalue()) == ("[]\n", "no automations yet: aichats auto create\n")


def test_json_is_valid_on_a_terminal_without_unicode() -> None:
    written = io.BytesIO()
    latin = io.TextIOWrapper(written, "latin-1", errors="backslashreplace")

    Output(Format.json, latin, {}).data({"title": "Grüße 報告 🎉"})

    assert json.loads(written.getvalue()) == {"title": "Grüße 報告 🎉"}
