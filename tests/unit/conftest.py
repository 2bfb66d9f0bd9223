import pytest
from pytest_socket import disable_socket


@pytest.fixture(autouse=True)
def no_network() -> None:
    """No unit test reaches the network; pytest-socket lifts this after each test. Event loops need Unix sockets."""
    disable_socket(allow_unix_socket=True)
