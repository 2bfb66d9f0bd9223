"""Folders of automations on `make dev`: two people at once, and the commands of the GitHub workflow."""

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from ruamel.yaml import YAML

from local.setup import ROOT
from local.system import BEARER
from tests.support.automation_folder import AutomationFolder, markdown
from tests.support.automations import scheduled
from tests.support.commands import Program, run_command
from tests.support.dev import running_dev
from tests.support.fakes import Json
from tests.support.waiting import PATIENCE

COMMANDS = ROOT / ".venv" / "bin"
WORKFLOW = ROOT / "examples" / "github-workflow.yml"
NAMES = [f"own-{number}" for number in range(6)]


@pytest.fixture(scope="module")
def dev() -> Iterator[Program]:
    with running_dev() as running:
        yield running


@pytest.fixture
def variables(dev: Program) -> dict[str, str]:
    """The environment of a process that uses the stack."""
    path = f"{COMMANDS}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "AICHATS_URL": dev.value("HTTP API"), "AICHATS_TOKEN": BEARER, "NO_COLOR": "1"}


@pytest.fixture
def api(variables: dict[str, str]) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {variables['AICHATS_TOKEN']}"}
    with httpx.Client(base_url=variables["AICHATS_URL"], headers=headers, timeout=60, trust_env=False) as client:
        yield client


def test_two_people_with_kills_lose_no_update_and_touch_nothing_of_others(
    variables: dict[str, str], api: httpx.Client, tmp_path: Path
) -> None:
    chance = random.Random(5)
    ann, ben = (AutomationFolder(tmp_path / name, "e2e/shared") for name in ("ann", "ben"))
    api.put("/automations/unmanaged", json=scheduled()).raise_for_status()
    before = api.get("/automations/unmanaged").json()["etag"]
    for turn in range(4):
        for folder in (ann, ben):
            for name in chance.sample(NAMES, 4):
                folder.write(f"{name}.md", markdown(f"{turn} {folder.path.name} {name}"))
        with ThreadPoolExecutor() as pool:
            killed = pool.submit(apply, ann, variables, die=True)
            assert apply(ben, variables) in {0, 1}
        assert killed.result() in {0, 1, -signal.SIGKILL}

        settled = run_command("aichats", "apply", str(ann), "--prune", "--yes", env=variables)

        assert settled.returncode == 0, settled.stderr
        planned = run_command("aichats", "plan", str(ann), "--prune", env=variables)
        assert (planned.returncode, planned.stderr) == (0, ""), planned.stdout
        found = {each["name"]: each for each in api.get("/automations").json()["data"]}
        assert found["unmanaged"]["etag"] == before
        own = {name: each["action"]["message_text"] for name, each in found.items() if name in NAMES}
        assert own == {name: message(ann, name) for name in ann.names}


def test_the_workflow_shows_a_plan_in_a_comment_and_applies_it(
    variables: dict[str, str], api: httpx.Client, tmp_path: Path
) -> None:
    folder = AutomationFolder(tmp_path / "automations", "e2e/workflow")
    folder.write("from-a-workflow.md", markdown())
    (tmp_path / "gh").write_text('#!/bin/sh\necho "$@" > gh.txt\n')
    (tmp_path / "gh").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{variables['PATH']}"
    given = {"PATH": path, "GITHUB_OUTPUT": "output.txt", "GITHUB_STEP_SUMMARY": "summary.txt", "PULL_REQUEST": "7"}

    for name in ("Validate", "Plan", "Comment"):
        run_step("plan", name, tmp_path, variables | given)

    assert (tmp_path / "output.txt").read_text() == "pending=true\n"
    assert (tmp_path / "gh.txt").read_text().startswith("pr comment 7 --body-file comment.md")
    assert "+ from-a-workflow\n" in (tmp_path / "comment.md").read_text()
    run_step("apply", "Apply", tmp_path, variables | given)
    assert api.get("/automations/from-a-workflow").json()["managed_by"] == "e2e/workflow"
    run_step("plan", "Plan", tmp_path, variables | given)
    assert (tmp_path / "plan.txt").read_text().startswith("no changes")


def test_the_workflow_fails_if_the_plan_has_a_problem(variables: dict[str, str], tmp_path: Path) -> None:
    folder = AutomationFolder(tmp_path / "automations", "e2e/workflow")
    folder.write("wrong.md", markdown(expression="cron(0 9)"))
    files = {"GITHUB_OUTPUT": "output.txt", "GITHUB_STEP_SUMMARY": "summary.txt"}

    with pytest.raises(subprocess.CalledProcessError):
        run_step("plan", "Plan", tmp_path, variables | files)

    assert "wrong.md, line 2: trigger.expression" in (tmp_path / "problems.txt").read_text()
    assert not (tmp_path / "output.txt").exists()


def test_the_workflow_gives_the_token_only_to_steps_that_need_it() -> None:
    steps = [step for job in workflow()["jobs"].values() for step in job["steps"]]
    with_token = [step["name"] for step in steps if "AICHATS_TOKEN" in step.get("env", {})]

    assert with_token == ["Plan", "Apply"]
    assert workflow()["permissions"] == {"contents": "read"}


def workflow() -> Json:
    parsed: Json = YAML(typ="safe", pure=True).load(WORKFLOW)
    return parsed


def run_step(job: str, name: str, folder: Path, variables: dict[str, str]) -> None:
    """Run the commands of a step as GitHub does."""
    (step,) = [step for step in workflow()["jobs"][job]["steps"] if step.get("name") == name]
    run_command("bash", "-e", "-c", step["run"], cwd=folder, env=variables, check=True)


def apply(folder: AutomationFolder, variables: dict[str, str], *, die: bool = False) -> int:
    """Apply a folder, and return the exit code. With ``die``, kill the command after its first change."""
    command = ["aichats", "apply", str(folder), "--prune", "--yes"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        if die:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
    return process.returncode


def message(folder: AutomationFolder, name: str) -> str:
    return folder.read(f"{name}.md").rpartition("---\n")[2].strip()
