"""The lines that functions print: logs and metrics."""

import io
import json
import sys

import pytest

from tests.support.fakes import Json


class Output:
    """The output of a function: logs and metrics, each line a JSON object."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    @property
    def text(self) -> str:
        """The whole output so far."""
        self._text += self._capsys.readouterr().out
        return self._text

    @property
    def logs(self) -> list[Json]:
        return [line for line in self._lines() if "level" in line]

    @property
    def metrics(self) -> list[Json]:
        return [line for line in self._lines() if "_aws" in line]

    def counted(self, name: str) -> float:
        """Return the sum of a metric so far."""
        return sum(sum(line.get(name, [])) for line in self.metrics)

    def _lines(self) -> list[Json]:
        return [json.loads(line) for line in self.text.splitlines()]


class StandardOutput(io.TextIOBase):
    """A file that writes to the current ``sys.stdout``, because pytest replaces that for each test."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)
