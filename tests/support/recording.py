"""Pictures of commands on a terminal, for people to look at.

`python -m tests.support.recording FOLDER COMMAND…` types each command into tmux, at 80 and 120 columns, and draws what
the terminal shows in a light and in a dark theme: as SVG, and as PNG if there is a browser.
Set AICHATS_URL and AICHATS_TOKEN for commands that need a stack.
"""

import io
import os
import re
import shutil
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI
from rich.text import Text

from local.setup import VENV
from tests.support.browser import running_chromium
from tests.support.commands import run_command
from tests.support.waiting import until

WIDTHS = (80, 120)
LINES = 60
THEMES = {"light": DEFAULT_TERMINAL_THEME, "dark": MONOKAI}
DEFAULT = ("aichats --help", "aichats auto list --help", "aichats auto list", "aichats profiles", "aichats aut")
PROMPT = "$ "


@contextmanager
def terminal(width: int, folder: Path) -> Iterator["Tmux"]:
    """Run a shell in tmux, in a terminal of this width, for the ``with`` block."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "PS1": PROMPT, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    named = {name: value for name, value in os.environ.items() if name.startswith("AICHATS_")}
    tmux = Tmux(folder / f"tmux-{width}")
    size = ["-x", str(width), "-y", str(LINES)]
    variables = [f"{name}={value}" for name, value in (own | named).items()]
    tmux.run("-f", os.devnull, "new-session", "-d", *size, "env", *variables, "bash", "--norc", "--noprofile")
    try:
        until(lambda: tmux.screen().rstrip().endswith(PROMPT.strip()))
        yield tmux
    finally:
        tmux.run("kill-server")


class Tmux:
    """A server of tmux with one terminal."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def run(self, *arguments: str | Path) -> str:
        """Run a command of tmux, and return its output."""
        return run_command("tmux", "-S", self._socket, *arguments, check=True).stdout

    def screen(self) -> str:
        """Return what the terminal shows, with the codes of its colors."""
        return self.run("capture-pane", "-e", "-p", "-S", "-")

    def show(self, command: str) -> str:
        """Type a command on an empty screen. Return what the terminal shows when it has ended."""
        self.run("send-keys", "-R", "C-l")
        self.run("clear-history")
        self.run("send-keys", "-l", command)
        self.run("send-keys", "Enter")
        until(lambda: re.search(rf"(?s)^.+\n{re.escape(PROMPT.strip())}\s*$", self.screen()))
        return self.screen().rstrip().removesuffix(PROMPT.strip())


def draw(shown: str, width: int, title: str, theme: str) -> str:
    """Return what a terminal shows as SVG."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(shown))
    svg = console.export_svg(title=title, theme=THEMES[theme])
    return re.sub(r"(?s)@font-face \{.*?\}", "", svg).replace("<style>", f"<style>{font_face()}", 1)


@cache
def font_face() -> str:
    """Return the style that makes this machine's fixed-width font that of the pictures: empty if it isn't found."""
    if shutil.which("fc-match") is None:
        return ""
    file = Path(run_command("fc-match", "-f", "%{file}", "monospace", check=True).stdout)
    data = b64encode(file.read_bytes()).decode()
    return f'@font-face {{ font-family: "Fira Code"; src: url(data:font/ttf;base64,{data}); }}'


def record(folder: Path, commands: Sequence[str]) -> list[Path]:
    """Draw each command at each width in each theme. Return the files."""
    files = []
    for width in WIDTHS:
        with terminal(width, folder) as tmux:
            for command in commands:
                shown = tmux.show(command)
                for theme in THEMES:
                    name = re.sub(r"[^a-z0-9]+", "-", command.lower()).strip("-")[:60]
                    file = folder / f"{name}-{width}-{theme}.svg"
                    file.write_text(draw(shown, width, f"{width} columns", theme))
                    files.append(file)
    return files


def draw_as_png(files: Sequence[Path]) -> None:
    """Draw SVG files as PNG files beside them, if there is a browser."""
    with suppress(pytest.skip.Exception), running_chromium() as browser:
        page = browser.new_page()
        for file in files:
            page.goto(file.as_uri())
            page.locator("svg").screenshot(path=file.with_suffix(".png"))


def main(arguments: Sequence[str]) -> int:
    """Draw the commands, and print the names of the files. Return the exit code."""
    folder = Path(arguments[0]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    files = record(folder, arguments[1:] or DEFAULT)
    draw_as_png(files)
    sys.stdout.writelines(f"{file}\n" for file in files)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
