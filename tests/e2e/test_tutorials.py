"""The tutorials of the documentation: every block that runs on a laptop does what its page says."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from local.dev import READY
from local.ports import listen
from tests.support.commands import running_module
from tests.support.markdown import DOCS, ShellBlock, shell_blocks
from tests.support.waiting import PATIENCE, until

HOW_TOS = ["automations-in-git"]
"""The how-to pages whose blocks run from top to bottom, in an empty folder."""
LAPTOP = ["first-automation", "first-webhook", "fire-drill"]


@dataclass(frozen=True)
class Dev:
    """A running `make dev` on ports of its own, for those that the pages name."""

    ports: dict[str, int]

    def adapt(self, text: str) -> str:
        """Return commands with the ports of this system in place of those on the page."""
        return re.sub(r"127\.0\.0\.1:(\d+)", lambda found: f"127.0.0.1:{self.ports[found[1]]}", text)

    def reset(self) -> None:
        """Make the mock servers forget what earlier tutorials did."""
        for name in ("8001", "8002"):
            url = f"http://127.0.0.1:{self.ports[name]}/_control/reset"
            httpx.post(url, timeout=PATIENCE, trust_env=False).raise_for_status()


class Shell:
    """The reader's second terminal. What a block sets, later blocks see."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.output = folder / "output.txt"
        self.script = folder / "block.sh"
        self.exit_code = folder / "exit-code.txt"

    def run(self, text: str) -> str:
        """Run a block and return what it printed. The test fails if its last command fails."""
        assert self.process.stdin
        self.script.write_text(text)
        self.exit_code.write_text("")
        self.process.stdin.write(f". {self.script} > {self.output} 2>&1; echo $? > {self.exit_code}\n")
        self.process.stdin.flush()
        until(lambda: self.exit_code.read_text() or self.process.poll() is not None)
        printed, exit_code = self.output.read_text(), self.exit_code.read_text()
        assert exit_code == "0\n", f"{text}\n{printed}\n{exit_code}"
        return printed


@pytest.fixture(scope="module")
def dev() -> Iterator[Dev]:
    """A running `make dev`. A lost response is checked after two seconds, so that no test waits for a minute."""
    listeners = [listen("127.0.0.1", 0) for _ in range(3)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    options = ["--parameter", "SettleSeconds=2"]
    for option, port in zip(["--port", "--whop-port", "--kodey-port"], ports, strict=True):
        options += [option, str(port)]
    with running_module("local.dev", *options) as running:
        running.wait_for(re.escape(READY))
        yield Dev(dict(zip(["3000", "8001", "8002"], ports, strict=True)))


@contextmanager
def running_shell(folder: Path) -> Iterator[Shell]:
    """Run a shell that reads the user's files for no start, and asks no proxy for this machine."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-o", "pipefail"],
        stdin=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            yield Shell(process, folder)
        finally:
            process.kill()


def perform(shell: Shell, dev: Dev, block: ShellBlock) -> None:
    """Run a block as a reader does: once, or until it shows what the page says."""
    text = dev.adapt(block.text)

    def shown() -> bool:
        printed = shell.run(text)
        if block.shows is None or re.search(block.shows, printed, re.MULTILINE | re.DOTALL):
            return True
        assert block.waits, f"{block.page}: {block.text}\nshould show {block.shows}, and shows\n{printed}"
        return False

    until(shown)


@pytest.mark.parametrize("name", LAPTOP)
def test_each_block_of_a_laptop_tutorial_does_what_the_page_says(name: str, dev: Dev, tmp_path: Path) -> None:
    blocks = shell_blocks(DOCS / "tutorials" / f"{name}.md")
    dev.reset()

    assert [block.text for block in blocks if block.in_terminal] == ["make dev\n"]
    with running_shell(tmp_path) as shell:
        for block in blocks:
            assert not block.on_aws
            if not block.in_terminal:
                perform(shell, dev, block)


@pytest.mark.parametrize("name", HOW_TOS)
def test_each_block_of_a_how_to_does_what_the_page_says(name: str, dev: Dev, tmp_path: Path) -> None:
    [variables] = [block for block in shell_blocks(DOCS / "tutorials" / "first-automation.md") if "API=" in block.text]
    (empty := tmp_path / "repository").mkdir()
    dev.reset()

    with running_shell(tmp_path) as shell:
        perform(shell, dev, variables)
        shell.run(f"cd {empty}")
        for block in shell_blocks(DOCS / "how-to" / f"{name}.md"):
            perform(shell, dev, block)


def test_the_commands_for_automations_in_git_apply_only_what_they_showed(dev: Dev, tmp_path: Path) -> None:
    page = shell_blocks(DOCS / "how-to" / "automations-in-git.md")
    [variables] = [block for block in shell_blocks(DOCS / "tutorials" / "first-automation.md") if "API=" in block.text]
    [files] = [block for block in page if "mkdir -p automations" in block.text]
    [functions] = [block for block in page if "apply()" in block.text]
    path = '"$API/automations/monday-report" -H "$AUTH"'
    (empty := tmp_path / "repository").mkdir()

    with running_shell(tmp_path) as shell:
        for text in (dev.adapt(variables.text), f"cd {empty}", files.text, functions.text, "plan; apply; plan"):
            shell.run(text)
        shell.run(
            "jq '.targets = []' automations/monday-report.json > new && mv new automations/monday-report.json; plan"
        )
        assert "monday-report 422\ntargets: must have at least 1 item" in shell.run("apply")
        shell.run(
            "jq '.targets = [null]' automations/monday-report.json > new && mv new automations/monday-report.json"
        )
        shell.run(f'plan; curl -s {path} | jq \'.missed = "run"\' | curl -s -X PUT {path} -H "$JSON" -d @-')
        assert "monday-report 412\nIf-Match failed" in shell.run("apply")
        shell.run("echo '{' > automations/daily-numbers.json; rm automations/monday-report.json; plan || true")
        assert shell.run("apply") == ""
        assert '"missed":"run"' in shell.run(f"curl -s {path}")


def test_every_tutorial_runs_on_a_laptop_or_says_that_all_of_it_needs_aws() -> None:
    others = {page.stem for page in (DOCS / "tutorials").glob("*.md")} - set(LAPTOP)

    assert others == {"deploy-to-aws"}
    assert all(block.on_aws for name in others for block in shell_blocks(DOCS / "tutorials" / f"{name}.md"))
