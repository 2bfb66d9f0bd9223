"""Programs of the environments that set-up makes."""

from local.errors import LocalError
from local.setup import TOOLS


def tool(environment: str, name: str) -> str:
    """Return the path of a program of `.tools/<environment>`.

    Raises:
        LocalError: the program is missing.
    """
    path = TOOLS / environment / "bin" / name
    if not path.exists():
        raise LocalError(f"{path} is missing. Run `make setup`")
    return str(path)
