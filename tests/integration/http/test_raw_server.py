import socket

from benchmarks.raw_server import Connection, serving
from tests.support.waiting import PATIENCE


def read_one(connection: Connection) -> None:
    connection.read_request()


def test_a_client_that_hangs_up_inside_a_body_sent_no_request_and_its_connection_is_closed() -> None:
    with serving(read_one) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhal")
        assert server.closed.acquire(timeout=PATIENCE)
    assert server.requests == []
