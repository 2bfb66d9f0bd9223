import pytest
from pytest_socket import socket_allow_hosts


@pytest.fixture(autouse=True)
def no_network() -> None:
    """No unit test leaves this machine, where the ledger's DynamoDB is; pytest-socket lifts this after each test."""
    socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
