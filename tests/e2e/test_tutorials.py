"""The documentation: every block of a tutorial or of an ordinary task does on a laptop what its page says."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.setup import ROOT
from tests.support.dev import running_dev
from tests.support.markdown import DOCS, shell_blocks
from tests.support.reader import LocalStack, perform, running_shell
from tests.support.typed_commands import calls

LAPTOP = ["first-automation", "first-webhook", "fire-drill"]
LAPTOP_PAGES = [DOCS / "tutorials" / f"{name}.md" for name in LAPTOP]
TASKS = {
    "create a muted chat for three companies on every weekday": "schedule-weekdays",
    "pause an automation over the holidays, in advance": "pause-for-the-holidays",
    "limit an automation to two runs a day": "set-a-budget",
    "find out if yesterday's runs succeeded": "check-that-it-ran",
    "replay all runs that failed last week": "replay-failed-runs",
    "mute 50 chats until Monday": "mute-until-monday",
    "run an automation now to try it": "try-an-automation",
    "keep automations in git, and apply them with a diff": "automations-in-git",
    "rotate a key": "rotate-a-key",
    "let another system know when a run has ended": "know-when-a-run-ended",
    "know when the agent replied, and what it took": "know-when-the-agent-replied",
    "see a text before it is sent": "see-the-text-before-it-is-sent",
    "attach a local file": "attach-files",
    "connect a Whop account": "connect-whop",
    "see everything at a glance": "see-everything",
    "see what the chats took": "see-usage",
}
"""Ordinary tasks, each with the page that shows how to do it."""
ONE_COMMAND = {
    "create a muted chat for three companies on every weekday at 8:30": ("schedule-weekdays", "auto create"),
    "pause an automation from 24 December to 4 January, in advance": ("pause-for-the-holidays", "auto pause"),
    "find out if yesterday's run happened": ("check-that-it-ran", "runs list"),
    "see what failed last week and why, and replay all of it": ("replay-failed-runs", "runs replay"),
    "mute 50 chats until Monday at 9:00": ("mute-until-monday", "chats mute"),
    "run an automation now to try it": ("try-an-automation", "auto run"),
    "apply twelve automations that are in git, with a diff": ("automations-in-git", "apply"),
    "rotate the API key": ("rotate-a-key", "admin secret set"),
    "let another system know when a run succeeded or failed": ("know-when-a-run-ended", "notify add webhook"),
    "see a message before it is stored": ("see-the-text-before-it-is-sent", "auto render"),
    "attach a local PDF to a scheduled message": ("attach-files", "auto create"),
    "connect with a user's access to Whop": ("connect-whop", "admin connect"),
    "see everything at a glance": ("see-everything", "open"),
}
"""The thirteen most ordinary tasks, each with its page and its command. The page's first block is this one command."""
OTHERS = [
    "call-the-api",
    "create-your-own-schedule",
    "events-to-sns",
    "handle-time-zones",
    "limit-a-client",
    "receive-events",
    "receive-webhooks",
    "slack-with-eventbridge",
    "use-company-keys",
    "use-the-console",
    "use-kodey",
]
"""More how-to pages whose blocks run on a laptop."""
[VARIABLES] = [block for block in shell_blocks(DOCS / "tutorials" / "first-automation.md") if "API=" in block.text]
"""The block with the variables that all pages use."""


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """A running `make dev`. A lost response is checked after two seconds, so that no test waits for a minute."""
    with running_dev("--parameter", "SettleSeconds=2") as dev:
        yield LocalStack(dev)


@pytest.mark.parametrize("page", [ROOT / "README.md", *LAPTOP_PAGES], ids=lambda page: page.stem)
def test_each_block_of_a_laptop_tutorial_does_what_the_page_says(page: Path, stack: LocalStack, tmp_path: Path) -> None:
    blocks = shell_blocks(page)
    stack.reset()

    assert [block.text.partition(" #")[0].strip() for block in blocks if block.in_terminal] == ["make dev"]
    with running_shell(tmp_path, stack) as shell:
        for block in blocks:
            if not (block.on_aws or block.in_terminal):
                perform(shell, stack, block)


@pytest.mark.parametrize("name", [*TASKS.values(), *OTHERS], ids=[*TASKS, *OTHERS])
def test_each_block_of_a_how_to_does_what_its_page_says(name: str, stack: LocalStack, tmp_path: Path) -> None:
    stack.reset()

    with running_shell(tmp_path, stack) as shell:
        perform(shell, stack, VARIABLES)
        for block in shell_blocks(DOCS / "how-to" / f"{name}.md"):
            if not (block.on_aws or block.in_terminal):
                perform(shell, stack, block)


@pytest.mark.parametrize("name", TASKS.values())
def test_the_page_of_a_task_says_where_its_variables_come_from(name: str) -> None:
    assert "tutorials/first-automation.md#preview-a-schedule" in (DOCS / "how-to" / f"{name}.md").read_text()


@pytest.mark.parametrize(("name", "command"), ONE_COMMAND.values(), ids=ONE_COMMAND)
def test_an_ordinary_task_is_one_command(name: str, command: str) -> None:
    block = shell_blocks(DOCS / "how-to" / f"{name}.md")[0]

    [words] = calls(block.text)

    typed = re.sub(r"\\\n\s*", "", block.text)
    assert typed.count("\n") == 1
    assert shlex.split(typed) == ["aichats", *words]
    assert " ".join(words).startswith(command)
    assert "$" not in typed
    assert block.shows, "nothing shows that the command did its task"
    assert not block.on_aws
    assert name in TASKS.values(), "no test runs the page"


def test_every_tutorial_runs_on_a_laptop_or_says_that_all_of_it_needs_aws() -> None:
    others = {page.stem for page in (DOCS / "tutorials").glob("*.md")} - set(LAPTOP)

    assert others == {"deploy-to-aws"}
    assert not any(block.on_aws for page in LAPTOP_PAGES for block in shell_blocks(page))
    assert all(block.on_aws for name in others for block in shell_blocks(DOCS / "tutorials" / f"{name}.md"))
