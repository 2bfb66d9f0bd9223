import pytest

from tests.support.waiting import turns


def test_a_loop_that_does_not_end_fails_the_test() -> None:
    turn = turns(3)
    assert [next(turn) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(AssertionError, match="the loop did not end within 3 turns"):
        next(turn)
