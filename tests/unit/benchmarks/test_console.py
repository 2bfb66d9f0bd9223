"""The benchmark of the console: its table, and its mark."""

import pytest

from benchmarks import console
from benchmarks.console import NETWORKS, Series, Visit
from benchmarks.errors import BenchmarkError


@pytest.mark.parametrize(("useful", "code", "words"), [(1400.0, 0, "is met"), (1600.0, 1, "is missed")])
def test_the_first_useful_content_of_a_first_visit_decides(
    useful: float, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = [Visit(90_000, 12, 300, number, 3000, 3000) for number in (useful - 1, useful, useful + 9000)]

    assert console.report([Series(NETWORKS[0], first, first)]) == code

    printed = capsys.readouterr().out
    assert f"| {NETWORKS[0].name} | first | 90,000 | 12 | 300 | {useful:,.0f} | 3,000 | 3,000 |" in printed
    assert f"The first useful content: {useful:.0f} ms; the mark of 1500 ms {words}." in printed


def test_a_server_that_does_not_start_says_why() -> None:
    with pytest.raises(BenchmarkError, match="the server did not start\n  no port"):
        console._url_of(["no port\n"])
