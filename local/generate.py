"""Write the files that are made from code.

These are the index of the API's operations, the OpenAPI document, and the types and the reference of `aichats`.
"""

import json
import subprocess
import sys
from pathlib import Path

from aichats.api.documentation import PAGES
from aichats.api.every_operation import OPERATIONS, index_of_operations
from aichats.api.openapi import document
from aichats.api.routes import index
from local.command_reference import command_reference
from local.setup import ROOT

INDEX_FILE = Path(index.__file__)
SERVED_JSON = PAGES / "openapi.json"
"""The OpenAPI document as the API serves it."""
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


INDEX_HEAD = '''"""The index of the operations, which `make generate` writes. A function finds an operation with it."""

INDEX: dict[str, dict[str, tuple[str, str, tuple[str, ...], bool, bool]]] = '''
INDEX_TAIL = '''"""For each path and method: the module, the function, the scopes, `limited`, and if it can succeed."""
'''


def main() -> int:
    """Write the files. Each is made from those before it. Return the exit code."""
    files = (
        (INDEX_FILE, index_module),
        (OPENAPI_JSON, openapi_json),
        (SERVED_JSON, served_json),
        (MODELS, models),
        (COMMAND_PAGE, command_reference),
    )
    for file, text in files:
        file.write_text(text())
        print(f"wrote {file.relative_to(ROOT)}")
    return 0


def index_module() -> str:
    """Return the module with the index of the operations, and use this index from now on."""
    index.INDEX.clear()
    index.INDEX.update(index_of_operations())
    return _ruff(["format"], f"{INDEX_HEAD}{index.INDEX!r}\n{INDEX_TAIL}", INDEX_FILE)


def openapi_json() -> str:
    """Return the OpenAPI document."""
    return json.dumps(document(OPERATIONS), indent=2, ensure_ascii=False) + "\n"


def served_json() -> str:
    """Return the OpenAPI document without the space between its parts."""
    return json.dumps(document(OPERATIONS), ensure_ascii=False, separators=(",", ":"))


def models() -> str:
    """Return the types that the document describes, formatted as the rest of the code."""
    tools = Path(sys.executable).parent
    text = _printed([tools / "datamodel-codegen", *OPTIONS], OPENAPI_JSON.read_text())
    for command in (["check", "--fix", "--unsafe-fixes"], ["format"]):
        text = _ruff(command, text, MODELS)
    return text


def _ruff(command: list[str], text: str, file: Path) -> str:
    return _printed([Path(sys.executable).parent / "ruff", *command, "--quiet", "--stdin-filename", file, "-"], text)


def _printed(command: list[str | Path], text: str) -> str:
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout


if __name__ == "__main__":
    sys.exit(main())
