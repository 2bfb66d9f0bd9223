"""The documentation: its links lead somewhere, its commands can be typed, and its tables say what the code says."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.setup import ROOT
from local.standins.kodey.mode import KodeyMode
from local.standins.receiver.mode import ReceiverMode
from local.standins.shared.faults import FORMS
from local.standins.whop.mode import WhopMode
from tests.support.commands import run_command
from tests.support.markdown import DOCS, anchors, first_names, links, pages, pictures, shell_blocks, tables
from tests.support.template import load_template, of_type

LAYER = ROOT / "layers" / "shared" / "aichats"
TEMPLATE = load_template()
PAGES = pages()
MAX_README_LINES = 110
MAX_PICTURE_BYTES = 150_000
SEVERITIES = {"urgent", "soon", "watch"}


def name_of(page: Path) -> str:
    """Return a page's path below the repository."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_link_leads_to_a_page_and_a_heading_that_exist(page: Path) -> None:
    for link in links(page):
        if re.match(r"(https?|mailto):", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} does not exist"
        assert target.is_relative_to(DOCS if page.is_relative_to(DOCS) else ROOT), f"{link} is not a page of the site"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", [page for page in PAGES if list(pictures(page))], ids=name_of)
def test_each_picture_of_a_page_exists_and_is_small(page: Path) -> None:
    for picture in pictures(page):
        assert (page.parent / picture).stat().st_size <= MAX_PICTURE_BYTES, picture


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name != "decisions"], ids=name_of)
def test_each_file_of_the_code_that_a_page_names_exists(page: Path) -> None:
    """Decisions name the files of their time."""
    named = re.findall(r"`([\w.-]+/[\w./-]+\.py)`", page.read_text())
    assert [path for path in named if not any((folder / path).exists() for folder in (ROOT, LAYER, LAYER.parent))] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_shell_block_is_correct_syntax(page: Path) -> None:
    for block in shell_blocks(page):
        done = run_command("bash", "-n", input=block.text)
        assert done.returncode == 0, f"{block.text}\n{done.stderr}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def test_the_site_lists_every_page_but_the_decisions() -> None:
    def listed(entries: list[Any]) -> Iterator[str]:
        for entry in entries:
            for value in entry.values() if isinstance(entry, dict) else [entry]:
                yield from listed(value) if isinstance(value, list) else [value]

    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    written = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}

    assert {page for page in listed(nav) if not page.startswith("decisions/")} == {
        page for page in written if not page.startswith("decisions/")
    }


def test_the_home_page_links_to_every_page_but_the_decisions() -> None:
    linked = {link.partition("#")[0] for link in links(DOCS / "index.md")}
    written = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"index.md"}

    assert {page for page in written if not page.startswith("decisions/")} <= linked


@pytest.mark.parametrize("page", ["alarms", "logs", "metrics", "parameters", "scopes", "settings"])
def test_a_page_of_the_reference_explains_each_name_once(page: str) -> None:
    names = [row[0] for rows in tables(DOCS / f"reference/{page}.md") for row in rows]

    assert sorted(names) == sorted(set(names))


def test_the_parameters_are_those_of_the_template_with_their_defaults() -> None:
    documented = {row[0].strip("`"): row[1].strip("`") for row in tables(DOCS / "reference/parameters.md")[0]}
    defaults = {name: str(parameter["Default"]) or "empty" for name, parameter in TEMPLATE["Parameters"].items()}

    assert documented == defaults


def test_the_outputs_that_are_named_exist() -> None:
    assert set(first_names("reference/parameters.md", table=1)) <= TEMPLATE["Outputs"].keys()


def test_the_settings_are_those_that_the_template_sets_or_the_code_reads() -> None:
    functions = [TEMPLATE["Globals"]["Function"], *of_type("AWS::Serverless::Function").values()]
    given = {name for each in functions for name in each.get("Environment", {}).get("Variables", {})}
    modules = (LAYER / "settings.py", LAYER / "whop" / "settings.py", LAYER / "kodey" / "settings.py")
    fields = [
        field for module in modules for field in re.findall(r"^    (\w+) = Field\(", module.read_text(), re.MULTILINE)
    ]
    read = {name.upper() for name in fields}

    assert set(first_names("reference/settings.md")) == given | read


def test_the_commands_are_the_targets_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert sorted(name.removeprefix("make ") for name in first_names("reference/commands.md")) == sorted(targets)


def test_the_alarms_are_those_of_the_template_with_the_severity_of_their_section() -> None:
    rows = tables(DOCS / "reference/alarms.md")[1]
    severity = {re.findall(r"`(\w+)`", row[0])[0]: row[1] for row in rows}
    text = (DOCS / "operations/by-alarm.md").read_text()

    assert severity.keys() == of_type("AWS::CloudWatch::Alarm").keys()
    assert set(severity.values()) <= SEVERITIES
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        heading = section.partition("\n\nSeverity")[0]
        said = re.findall(r"^Severity: (.*?)\.", section, re.MULTILINE)
        for name in re.findall(r"`(\w+Alarm)`", heading):
            assert severity[name] in said[0], name


def test_the_page_about_costs_counts_the_alarms_and_secrets_that_there_are() -> None:
    text = (DOCS / "how-to/estimate-costs.md").read_text()

    assert f"| alarms | {len(of_type('AWS::CloudWatch::Alarm'))} at" in text
    assert f"| secrets | {len(of_type('AWS::SecretsManager::Secret'))} at" in text


def calls() -> Iterator[tuple[str, ast.expr]]:
    """Yield each call in the layer and the functions that has an argument: what is called, and the first argument."""
    for file in [*LAYER.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and node.args:
                yield ast.unparse(node.func), node.args[0]


def test_the_metrics_are_those_that_the_code_writes() -> None:
    counted = {
        argument.value
        for function, argument in calls()
        if function in {"count", "count_now", "measure_seconds"} and isinstance(argument, ast.Constant)
    }
    code = "".join(file.read_text() for file in LAYER.rglob("*.py"))
    ends = set(re.findall(r'"(Runs(?:Succeeded|Waiting|Failed|Unknown|Unreadable)|\w+Unreadable)"', code))

    assert set(first_names("reference/metrics.md")) == counted | ends | {"ColdStart"}


def test_each_log_message_of_the_code_is_explained() -> None:
    documented = first_names("reference/logs.md")
    for function, argument in calls():
        if re.fullmatch(r"logger\.(info|warning|error|exception)|Contained", function):
            if isinstance(argument, ast.Constant):
                pattern = re.escape(str(argument.value)).replace("%s", ".+")
            elif isinstance(argument, ast.JoinedStr):
                texts = (
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in argument.values
                )
                pattern = "".join(texts)
            else:
                continue
            assert any(re.fullmatch(pattern, message) for message in documented), pattern


def test_the_error_texts_that_are_explained_are_those_of_the_code() -> None:
    folders = (LAYER, ROOT / "functions", ROOT / "local")
    code = "".join(file.read_text() for folder in folders for file in folder.rglob("*.py"))

    for text in [text for table in (1, 2, 3) for text in first_names("operations/by-error.md", table=table)]:
        for part in re.split(r"…|\d+|^Idempotency-Key: |ROLLBACK_COMPLETE", text):
            assert part.strip(" .") in code, f"{text}: the code has no {part!r}"


def test_each_error_that_aichats_itself_gives_to_runs_is_explained() -> None:
    code = "".join(file.read_text() for file in LAYER.rglob("*.py"))
    types = set(re.findall(r'"type": "([A-Z][A-Za-z]+)"', code))

    assert {"Missed", "Skipped", "Cancelled"} <= types
    assert types <= set(first_names("operations/by-error.md"))


def test_the_files_in_the_life_of_a_run_exist() -> None:
    for rows in tables(DOCS / "explanation/life-of-a-run.md"):
        for row in rows:
            name = re.findall(r"`(.+?)`", row[1])[0]
            assert ((ROOT if name.startswith("functions/") else LAYER) / name).is_file(), name


def test_the_faults_and_modes_of_the_mock_servers_are_those_that_they_have() -> None:
    names = first_names("reference/mock-servers.md")
    modes = WhopMode.model_fields.keys() | KodeyMode.model_fields.keys() | ReceiverMode.model_fields.keys()
    faults = re.findall(r"\b[a-z_]+(?::[A-Z]+)?", re.sub(r"\(.*?\)| or ", ", ", FORMS))

    assert modes <= set(names)
    assert {fault for fault in faults if fault} <= set(names)


def test_each_symptom_and_error_has_a_severity() -> None:
    for page in ("operations/index.md", "operations/by-error.md"):
        for rows in tables(DOCS / page):
            assert all(row[1] in SEVERITIES or row[0] in SEVERITIES for row in rows), page
