"""The command that writes the OpenAPI document to ``docs/reference/openapi.json``."""

import json
import sys

from aichats.api.app import OPERATIONS
from aichats.api.openapi import document
from local.setup import ROOT

OPENAPI_JSON = ROOT / "docs" / "reference" / "openapi.json"


def main() -> int:
    """Write the file. Return the exit code."""
    OPENAPI_JSON.write_text(openapi_json())
    print(f"wrote {OPENAPI_JSON.relative_to(ROOT)}")
    return 0


def openapi_json() -> str:
    """Return the OpenAPI document."""
    return json.dumps(document(OPERATIONS), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
