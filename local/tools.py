"""Programs of the environments that `make setup` makes."""

from local.errors import LocalError
from local.setup import TOOLS


def tool(environment: str, name: str) -> str:
    """The path of a program of `.tools/<environment>`.

    Raises:
        LocalError: it is not there.
    """
    path = TOOLS / environment / "bin" / name
    if not path.exists():
        raise LocalError(f"{path} is missing: run `make setup`")
    return str(path)
