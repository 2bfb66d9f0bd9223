"""JMESPath whose evaluation comes to an end, in time and in memory.

JMESPath has no loops, but its values can be made of copies: `[@, @] | [@, @] | …` doubles with every piece, and a
thousand characters are enough for more than a machine holds.
"""

from typing import Any, override

from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

BUDGET = 1_000_000
"""What one evaluation may take: a second and some tens of MB at the most, thousands of times what texts need."""
_MAKING = {"multi_select_list", "multi_select_dict", "function_expression"}
"""Nodes that can make a value larger than the one that they are given. All others only choose from it."""


class BudgetError(JMESPathError):
    """An evaluation took more than its budget."""


class BoundedInterpreter(TreeInterpreter):
    """Evaluates one expression, once. A visit of a node costs 1, and what is made costs what it would be as JSON."""

    def __init__(self, budget: int = BUDGET) -> None:
        super().__init__()
        self._left = budget

    @override
    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """As jmespath's own.

        Raises:
            BudgetError: more than the budget was needed.
        """
        self._spend(1)
        value = super().visit(node, *args, **kwargs)
        if node["type"] in _MAKING:
            self._spend_on(value)
        return value

    def _spend_on(self, value: Any) -> None:
        """Pay for all that is in a value, as often as it is in it: sharing saves memory until somebody writes it."""
        rest = [value]
        while rest:
            item = rest.pop()
            self._spend(1 + (len(item) if isinstance(item, str | list | dict) else 0))
            if isinstance(item, list):
                rest += item
            elif isinstance(item, dict):
                rest += item.keys()
                rest += item.values()

    def _spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            raise BudgetError
