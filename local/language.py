"""`python -m local.language`: checks that docstrings, comments, messages and Markdown are in plain English.

It checks words and phrases that are hard to read, and the beginning of docstrings. It skips text in backticks and code
blocks. Each finding is an error.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.setup import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PHRASES = {
    r"told|tells?": "report, return, show",
    r"moments?": "time",
    r"anew": "again",
    r"stands(?!-)": "is",
    r"holds": "is valid, contains, keeps",
    r"mend(s|ed|ing)?": "fix",
    r"nobody|somebody|whoever|anybody": "the actor: you, aichats, Whop, the API client",
    r"by (itself|themselves)": "automatically, on its own",
    r"also if": "even if",
    r"at the most": "at most",
    r"as well(?=[.;:,)]|$)": "also, too",
    r"takes? effect|took effect": "is performed, applies",
    r"stand-ins? of": "stand-in for, mock server for",
    r"(?<!connection )refus(e|es|ed|al|als|ing)": "reject, rejected",
    r"(is|was|were|be|been) looked": "aichats checks",
    r"became of": "the result of",
    r"without a doubt": "reliably",
    r"behaviours?|colours?|neighbours?|honours?|favours?|licences?": "American spelling",
    r"(recogn|initial|normal|serial|summar|organ)is(e|es|ed|ing)": "American spelling",
}
"""Words that are hard to read, and what to write instead."""
PATTERN = re.compile(
    "|".join(rf"(?P<p{place}>\b(?:{phrase})(?!\w))" for place, phrase in enumerate(PHRASES)), re.IGNORECASE
)
CLAUSE = re.compile(
    r"(what|who|whose|whom|whether|where|how|why|which|whatever|wherever|when(?=[^,]*$))\b(?!.*\?)", re.IGNORECASE
)
"""Beginning of a first sentence that is a subordinate clause. ``When …, …`` is a condition before its main clause."""
NOT_A_VERB = re.compile(
    r"(an?|the|all|each|every|its?|this|these|those|one|no|of|in|for|as|with|likewise)\b", re.IGNORECASE
)
"""Beginning of a function's docstring that is no verb."""
NOUNS = {"property", "cached_property", "fixture"}
"""Decorators of functions whose docstring may be a noun."""

CHECKED_AS_PROSE = {".ts", ".tsx", "template.yaml", "Makefile", "samconfig.toml", "pyproject.toml"}
"""Suffixes and names of files that are checked from the first line to the last."""


@dataclass(frozen=True)
class Text:
    """A piece of prose.

    Attributes:
        kind: ``function`` or ``docstring`` for docstrings, else ``text``.
        content: the prose, with its line breaks.
    """

    path: str
    line: int
    kind: str
    content: str


@dataclass(frozen=True)
class Finding:
    """One place that is hard to read."""

    path: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.problem}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each finding. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.language", description=__doc__)
    parser.add_argument("paths", nargs="*", help="check only these files or folders")
    options = parser.parse_args(arguments)
    findings = [finding for path in files(options.paths) for text in texts(path) for finding in check(text)]
    print(*findings, sep="\n", end="\n" if findings else "")
    return 1 if findings else 0


def files(paths: Sequence[str]) -> list[str]:
    """Return the files that git knows or would add, below ``paths`` or everywhere."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    return sorted(path for path in listed if (ROOT / path).is_file())


def texts(path: str) -> Iterator[Text]:
    """Yield the prose of a file. A file of another kind has none."""
    file = ROOT / path
    if file.suffix == ".py" and path != "local/language.py":
        yield from python_texts(path, file.read_text())
    elif file.suffix == ".md":
        yield from markdown_texts(path, file.read_text())
    elif file.suffix in CHECKED_AS_PROSE or file.name in CHECKED_AS_PROSE:
        yield Text(path, 1, "text", file.read_text())


def python_texts(path: str, source: str) -> Iterator[Text]:
    """Yield docstrings, comments and, except in tests, strings of several words."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {value: kind for node in nodes for value, kind in docstrings_of(node)}
    for node in nodes:
        match node:
            case ast.Constant(str(content)) if node in docstrings:
                yield Text(path, node.lineno, docstrings[node], content)
            case ast.Constant(str(content)) if content.count(" ") > 1 and not path.startswith("tests/"):
                yield Text(path, node.lineno, "text", content)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(path, token.start[0], "text", token.string)


def docstrings_of(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield the docstrings directly in a module, class or function, with their kind; those of constants included."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        for statement in node.body:
            match statement:
                case ast.Expr(ast.Constant(str()) as value):
                    yield value, kind_of(node, statement)


def kind_of(node: ast.AST, statement: ast.Expr) -> str:
    """Return the kind of a string that is the ``statement`` in the body of ``node``."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and statement is node.body[0]:
        names = {ast.unparse(decorator).partition("(")[0].rpartition(".")[2] for decorator in node.decorator_list}
        return "docstring" if names & NOUNS else "function"
    return "docstring"


def markdown_texts(path: str, source: str) -> Iterator[Text]:
    """Yield the lines outside of code blocks."""
    fence = ""
    for number, line in enumerate(source.splitlines(), start=1):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and not fence:
            fence = mark[1]
        elif mark and fence and mark[1].startswith(fence):
            fence = ""
        elif not fence:
            yield Text(path, number, "text", line)


def check(text: Text) -> Iterator[Finding]:
    """Yield what is hard to read in a text."""
    prose = re.sub(r"(`+)[^`]*\1", lambda code: re.sub(r"[^\n]", "_", code[0]), text.content)
    for found in PATTERN.finditer(prose):
        instead = list(PHRASES.values())[int(str(found.lastgroup)[1:])]
        line = text.line + prose.count("\n", 0, found.start())
        yield Finding(text.path, line, f"'{found[0]}': write {instead}")
    first = re.split(r"(?<=[.:;])\s", " ".join(prose.split()), maxsplit=1)[0]
    if text.kind != "text" and CLAUSE.match(first):
        yield Finding(text.path, text.line, f"'{first[:40]}': begin with a noun or a verb, not with a clause")
    elif text.kind == "function" and NOT_A_VERB.match(first):
        yield Finding(text.path, text.line, f"'{first[:40]}': begin with a verb")


if __name__ == "__main__":
    sys.exit(main())
