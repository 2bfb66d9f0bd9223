"""Find and kill the process of a connection."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
ESTABLISHED = "01"


def kill_client(client_port: int, server_port: int) -> None:
    """Kill the process that connected from ``client_port`` of 127.0.0.1 to ``server_port``, if it still runs."""
    process = client_process(client_port, server_port)
    if process is not None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def client_process(client_port: int, server_port: int) -> int | None:
    """Return the process that connected from ``client_port`` of 127.0.0.1 to ``server_port``, or ``None``."""
    if (PROC / "net" / "tcp").exists():
        inode = _inode(client_port, server_port)
        return None if inode is None else _owner(f"socket:[{inode}]")
    return _owner_by_lsof(client_port, server_port)


def _inode(client_port: int, server_port: int) -> str | None:
    ends = f":{client_port:04X}", f":{server_port:04X}"
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]) and fields[3] == ESTABLISHED:
            return fields[9]
    return None


def _owner(link: str) -> int | None:
    for folder in PROC.glob("[0-9]*"):
        # A process may end or close a file meanwhile. Processes of other users can't be read.
        with suppress(OSError):
            for descriptor in (folder / "fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) == link:
                        return int(folder.name)
    return None


def _owner_by_lsof(client_port: int, server_port: int) -> int | None:
    """Return the same process on systems without /proc, such as macOS."""
    connection = f"127.0.0.1:{client_port}->127.0.0.1:{server_port}"
    command = ["lsof", "-nP", "-Fpn", "-sTCP:ESTABLISHED", f"-iTCP:{client_port}"]
    process = None
    for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
        if line.startswith("p"):
            process = int(line[1:])
        elif line == f"n{connection}":
            return process
    return None
