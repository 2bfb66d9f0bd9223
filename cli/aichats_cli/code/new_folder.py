"""Begins a folder of automations: its settings, and two samples."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from aichats_cli.code.folder import MAX_MANAGED_BY, SETTINGS
from aichats_cli.code.problems import FileError

if TYPE_CHECKING:
    from pathlib import Path

GIT_SECONDS = 10
SETTINGS_TEXT = """\
# Automations of this folder have this name as their `managed_by`. `aichats apply --prune` deletes only these.
managed_by = {managed_by}
"""
SCHEDULE = """\
---
description: Asks for the numbers of the last week, each Monday at nine.
trigger:
  type: schedule
  expression: cron(0 9 ? * MON *)
  timezone: America/New_York
targets:
  - biz_A  # The ID of your company, as Whop shows it.
action:
  title: "Week {{ slot.week }}"
---

Summarize last week's revenue, and compare it with the week before.
"""
WEBHOOK = """\
description: Asks how to win back a customer whose payment failed.
trigger:
  type: webhook
  events:
    - payment.failed
targets:
  - biz_A  # The ID of your company, as Whop shows it.
action:
  type: whop.create_chat
  title: "Payment of {{ event.data.user.name || 'a customer' }} failed"
  message_text: |-
    The payment {{ event.data.id }} failed.
    Draft a friendly reminder for the customer.
"""
SAMPLES = {"weekly-report.md": SCHEDULE, "failed-payment.yaml": WEBHOOK}


def begin_folder(path: Path) -> dict[Path, bool]:
    """Create a folder with settings and samples. Files that exist stay as they are.

    Returns:
        The files, and whether each is new.

    Raises:
        FileError: a file can't be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(path, f"can't create the folder: {error.strerror}") from None
    settings = SETTINGS_TEXT.format(managed_by=json.dumps(managed_by_of(path)))
    return {path / name: _write_new(path / name, text) for name, text in {SETTINGS: settings, **SAMPLES}.items()}


def managed_by_of(path: Path) -> str:
    """Return a name for a folder that no other folder has: its repository and its path in it, or else its own name."""
    remote = _git(path, "config", "--get", "remote.origin.url")
    prefix = _git(path, "rev-parse", "--show-prefix")
    repository = without_credentials(remote)
    name = "/".join(filter(None, [repository, prefix.strip("/")])) if repository else path.resolve().name
    return (name or "automations")[-MAX_MANAGED_BY:]


def without_credentials(remote: str) -> str:
    """Return the host and the path of a repository's URL, such as ``github.com/example/crm``."""
    found = re.fullmatch(r"(?:[a-z+]+://)?(?:[^@/]*@)?([^:/]+)(?::\d+)?[:/]+(.+?)(?:\.git)?/?", remote)
    return f"{found[1]}/{found[2]}" if found else ""


def _git(folder: Path, *arguments: str) -> str:
    """Return what git prints: nothing without git, or outside of a repository."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def _write_new(path: Path, text: str) -> bool:
    """Write a file unless it exists. Return whether it was written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise FileError(path, f"can't write the file: {error.strerror}") from None
    return True
