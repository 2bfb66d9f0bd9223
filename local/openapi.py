"""The command that writes the committed reference of the HTTP API: the OpenAPI document and the kinds of problems."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from aichats.api.app import OPERATIONS
from aichats.api.openapi import document, problems
from aichats.api.problems import title_of
from local.setup import ROOT

REFERENCE = ROOT / "docs" / "reference"
HEAD = """# Problems

Every error response of the HTTP API is a problem document (RFC 9457). Its `type` names one of these kinds.
`make openapi` writes this page.
"""


def main() -> int:
    """Write the files. Returns the exit code."""
    for path, content in FILES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content())
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


def openapi_json() -> str:
    """Return the OpenAPI document."""
    return json.dumps(document(OPERATIONS), indent=2, ensure_ascii=False) + "\n"


def problems_markdown() -> str:
    """Return the page about the kinds of problems."""
    parts = [HEAD]
    for kind, problem in problems().items():
        statuses = ", ".join(map(str, problem["statuses"]))
        parts.append(f"## {title_of(kind)}\n")
        parts.append(f"`{kind}`, status {statuses}. {problem['meaning']}\n\n{problem['remedy']}\n")
    return "\n".join(parts)


FILES: dict[Path, Callable[[], str]] = {
    REFERENCE / "openapi.json": openapi_json,
    REFERENCE / "problems.md": problems_markdown,
}
"""The files, and the function that returns the content of each."""


if __name__ == "__main__":
    sys.exit(main())
