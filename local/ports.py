"""TCP ports of this machine."""

import errno
import socket

from local.errors import LocalError


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with listen("127.0.0.1", 0) as server:
        port: int = server.getsockname()[1]
        return port


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
