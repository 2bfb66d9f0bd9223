"""Connect containers to servers that listen on 127.0.0.1, under the name `host.docker.internal`.

Docker Desktop does this automatically. If the engine runs on this machine itself, the name has the address of Docker's
bridge, so a relay listens there. The servers don't listen on the network, where other machines could call them.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.sam_local.image import IMAGE, docker

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "host.docker.internal"
ADD_HOST = ("--add-host", f"{HOST}:host-gateway")


@contextmanager
def reachable_from_containers(*ports: int) -> Iterator[None]:
    """Make these ports of 127.0.0.1 reachable for containers in the ``with`` block."""
    address = address_in_containers()
    with contextlib.ExitStack() as relays:
        if is_here(address):
            for port in ports:
                relays.enter_context(relay(address, port))
        yield


def address_in_containers() -> str:
    """Return the address of the name in a container.

    Raises:
        LocalError: the container that shows the address didn't run.
    """
    answer = docker("run", "--rm", *ADD_HOST, "--entrypoint", "cat", IMAGE, "/etc/hosts")
    for line in answer.stdout.splitlines():
        if HOST in line.split()[1:]:
            return line.split()[0]
    raise LocalError(f"a container that shows the address of {HOST} did not run: {answer.stderr.strip()}")


def is_here(address: str) -> bool:
    """Return whether this machine can listen on the address."""
    try:
        socket.create_server((address, 0)).close()
    except OSError:
        return False
    return True


@contextmanager
def relay(address: str, port: int) -> Iterator[None]:
    """Forward connections to ``address`` to the same port of 127.0.0.1, for the ``with`` block."""
    with socketserver.ThreadingTCPServer((address, port), Relayed) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


class Relayed(socketserver.BaseRequestHandler):
    """One relayed connection."""

    def handle(self) -> None:
        """Forward bytes both ways until both sides are done."""
        port = self.request.getsockname()[1]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as inner:
            answers = threading.Thread(target=pass_on, args=(inner, self.request), daemon=True)
            answers.start()
            pass_on(self.request, inner)
            answers.join()


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the source ends, and then end the sink."""
    with contextlib.suppress(OSError):
        sink.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # otherwise each request's body waits 40 ms for an ACK
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
