"""TCP ports of this machine."""

import errno
import socket

from local.errors import LocalError


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with listen("127.0.0.1", 0) as server:
        port: int = server.getsockname()[1]
        return port


def listen(host: str, port: int, *, variable: str = "") -> socket.socket:
    """A socket that takes connections there; port 0 means any free one.

    ``variable`` is what people type to choose another port, such as ``PORT``.

    Raises:
        LocalError: the address cannot be had, most often because the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            choice = f": {variable}=..." if variable else ""
            raise LocalError(
                f"port {port} is taken: stop what listens there, or choose another port{choice}"
            ) from error
        raise LocalError(f"cannot listen on {host}:{port}: {error}") from error
    # Connections inherit it. asyncio would not set it for them, and then each small answer waits 40 ms for an ACK.
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server
