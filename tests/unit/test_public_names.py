"""The names of the code: each public name means one thing, and a handler makes one call."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.setup import ROOT

LAYER = ROOT / "layers" / "shared" / "aichats"
HANDLERS = sorted((ROOT / "functions").glob("*/app.py"))
SAME_EVERYWHERE = {"app", "lambda_handler", "logger"}
"""Names that mean the same thing in each module: what each function has."""
LONGEST_MODULE = 399
"""Lines of any other file of the layer, the functions and the commands."""
LONGEST_HANDLER = 30
"""Lines of a handler's file."""


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def names(module: ast.Module) -> Iterator[str]:
    """Yield the functions, classes, constants and type aliases at the top of a module."""
    for node in module.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.TypeAlias(name=ast.Name(id=name)) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def modules_by_name() -> dict[str, list[str]]:
    """Return the modules of the layer and of the functions that define each public name."""
    modules: dict[str, list[str]] = defaultdict(list)
    for file in sorted([*LAYER.rglob("*.py"), *HANDLERS]):
        for name in {name for name in names(parsed(file)) if not name.startswith("_")}:
            modules[name].append(str(file.relative_to(ROOT)))
    return modules


def test_no_public_name_stands_in_two_modules_unless_it_means_the_same() -> None:
    several = {name: modules for name, modules in modules_by_name().items() if len(modules) > 1}

    assert {name: modules for name, modules in several.items() if name not in SAME_EVERYWHERE} == {}
    assert several.keys() >= SAME_EVERYWHERE, "a name on the list has one module only: remove it from the list"


def test_functions_classes_constants_and_types_are_found() -> None:
    source = "LIMIT = 3\nSIZE: int = 4\ntype Json = dict\nclass Chat: ...\ndef send(): ...\nasync def wait(): ...\n"
    assert list(names(ast.parse(source))) == ["LIMIT", "SIZE", "Json", "Chat", "send", "wait"]


def test_there_are_eight_handlers() -> None:
    assert len(HANDLERS) == 8


def test_no_module_has_more_than_399_lines() -> None:
    modules = [
        file for folder in ("layers/shared/aichats", "functions", "local") for file in (ROOT / folder).rglob("*.py")
    ]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in modules}

    assert lengths
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


@pytest.mark.parametrize("file", HANDLERS, ids=lambda file: file.parent.name)
def test_a_handler_is_short_and_has_no_loop_and_no_condition(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= LONGEST_HANDLER
    control = (ast.For, ast.While, ast.Try, ast.If, ast.IfExp, ast.Match, ast.comprehension)
    assert [node for node in ast.walk(parsed(file)) if isinstance(node, control)] == []


@pytest.mark.parametrize("file", HANDLERS, ids=lambda file: file.parent.name)
def test_a_handler_counts_the_event_sets_the_limits_and_makes_one_call(file: Path) -> None:
    [handler] = [node for node in parsed(file).body if isinstance(node, ast.FunctionDef)]
    docstring, *counts, last = handler.body
    assert isinstance(docstring, ast.Expr)
    assert [called(count) for count in counts] in ([], [["count"]])
    [work] = last.body if isinstance(last, ast.With) else [last]
    assert isinstance(work, ast.Return)
    assert len([call for call in called(work) if not call.startswith("context.")]) == 1


def called(node: ast.AST) -> list[str]:
    """Return what is called in a part of the code."""
    return [ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)]
