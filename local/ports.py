"""TCP ports of this machine."""

import errno
import socket
from collections.abc import Mapping

from local.errors import LocalError


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with listen("127.0.0.1", 0) as server:
        port: int = server.getsockname()[1]
        return port


def require_free(ports: Mapping[str, int]) -> None:
    """Check that the ports are free and differ, by the Make variable that sets each. Port 0 means any free port.

    Raises:
        LocalError: a port is in use, or two variables have the same port.
    """
    variables: dict[int, str] = {}
    for variable, port in ports.items():
        if port in variables:
            raise LocalError(f"{variables[port]} and {variable} are both {port}. Choose another port for one of them")
        listen("127.0.0.1", port, variable=variable).close()
        if port:
            variables[port] = variable


def listen(host: str, port: int, *, variable: str = "") -> socket.socket:
    """Return a socket that accepts connections at this address. Port 0 means any free port.

    ``variable`` is the Make variable that sets the port, such as ``PORT``. The error names it.

    Raises:
        LocalError: the address can't be used, most often because the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            choice = f" with {variable}=..." if variable else ""
            raise LocalError(f"port {port} is in use. Stop its program, or choose another port{choice}") from error
        raise LocalError(f"can't listen on {host}:{port}: {error}") from error
    # Connections inherit this option. asyncio doesn't set it, and then each small response waits 40 ms for an ACK.
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server
