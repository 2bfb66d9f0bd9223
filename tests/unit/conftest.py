import pytest
from pytest_socket import disable_socket


@pytest.fixture(autouse=True)
def no_network() -> None:
    """No unit test opens a socket. pytest-socket allows it again after each test."""
    disable_socket(allow_unix_socket=True)
