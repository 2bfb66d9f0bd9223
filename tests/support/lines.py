"""Interruptions between two lines of code, for processes that die anywhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType


class Lines:
    """Interrupts the code of some modules between two lines."""

    _TOOL = 3
    """A number that neither debuggers nor the measurement of coverage use."""

    def __init__(self, *modules: ModuleType) -> None:
        self._codes = [code for module in modules for code in _codes_of(module)]
        self._left = 0
        self._act: Callable[[], None] = lambda: None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the modules."""
        monitoring = sys.monitoring
        monitoring.use_tool_id(self._TOOL, "lines")
        monitoring.register_callback(self._TOOL, monitoring.events.LINE, self._at_line)
        for code in self._codes:
            monitoring.set_local_events(self._TOOL, code, monitoring.events.LINE)
        try:
            yield
        finally:
            for code in self._codes:
                monitoring.set_local_events(self._TOOL, code, 0)
            monitoring.register_callback(self._TOOL, monitoring.events.LINE, None)
            monitoring.free_tool_id(self._TOOL)

    @contextmanager
    def interrupted(self, number: int, act: Callable[[], None]) -> Iterator[None]:
        """Call ``act`` before the line with this number, counted from 1; 0: never."""
        before = self._left, self._act
        self._left, self._act = number, act
        try:
            yield
        finally:
            self._left, self._act = before

    def _at_line(self, _code: CodeType, _line: int) -> None:
        self._left -= 1
        if self._left == 0:
            self._act()


def _codes_of(module: ModuleType) -> Iterator[CodeType]:
    for value in vars(module).values():
        members = vars(value).values() if isinstance(value, type) else [value]
        for member in members:
            function = member.fget if isinstance(member, property) else member
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield from _with_inner(function.__code__)


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)
