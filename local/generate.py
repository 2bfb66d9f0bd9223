"""Write the files that are made from code: the OpenAPI document, and the types and the reference of `aichats`."""

import json
import subprocess
import sys
from pathlib import Path

from aichats.api.app import OPERATIONS
from aichats.api.openapi import document
from local.command_reference import command_reference
from local.setup import ROOT

OPENAPI_JSON = ROOT / "docs" / "reference" / "openapi.json"
COMMAND_PAGE = ROOT / "docs" / "reference" / "cli.md"
MODELS = ROOT / "cli" / "aichats_cli" / "models.py"
"""The objects of the API as typed dictionaries. Only type checkers read them."""
OPTIONS = (
    "--input-file-type=openapi",
    "--output-model-type=typing.TypedDict",
    "--target-python-version=3.13",
    "--disable-timestamp",
    "--use-schema-description",
    "--use-standard-collections",
    "--use-union-operator",
    "--enum-field-as-literal=all",
    "--no-use-closed-typed-dict",
    "--formatters=builtin",
)


def main() -> int:
    """Write the files, the OpenAPI document first, because the types are made from it. Return the exit code."""
    for file, text in ((OPENAPI_JSON, openapi_json), (MODELS, models), (COMMAND_PAGE, command_reference)):
        file.write_text(text())
        print(f"wrote {file.relative_to(ROOT)}")
    return 0


def openapi_json() -> str:
    """Return the OpenAPI document."""
    return json.dumps(document(OPERATIONS), indent=2, ensure_ascii=False) + "\n"


def models() -> str:
    """Return the types that the document describes, formatted as the rest of the code."""
    tools = Path(sys.executable).parent
    text = _printed([tools / "datamodel-codegen", *OPTIONS], OPENAPI_JSON.read_text())
    for command in (["check", "--fix", "--unsafe-fixes"], ["format"]):
        text = _printed([tools / "ruff", *command, "--quiet", "--stdin-filename", MODELS, "-"], text)
    return text


def _printed(command: list[str | Path], text: str) -> str:
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout


if __name__ == "__main__":
    sys.exit(main())
