import pytest

from tests.support.firing import Printed, Stack


@pytest.fixture
def stack() -> Stack:
    """The functions of a stack, around a clock that is set by hand."""
    return Stack()


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """What was printed as metrics at once."""
    return Printed(capsys)
