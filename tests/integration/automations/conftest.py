import pytest

from tests.support.firing import Printed, Stack


@pytest.fixture
def stack() -> Stack:
    """The functions of a stack, with a clock that the test sets."""
    return Stack()


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """The metrics that were printed immediately."""
    return Printed(capsys)
