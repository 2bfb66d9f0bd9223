"""JMESPath evaluation with a limit on time and memory.

JMESPath has no loops, but an expression can copy values. `[@, @] | [@, @] | …` doubles the result with every step, so a
thousand characters can produce more than a machine can store. Copies cost nothing until an operation walks through
them. So each operation pays before it begins: for each node of the syntax tree, and for the values that a function, a
comparison, `[]` or the output walks through.
"""

from typing import Any, override

from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from aichats.errors import AichatsError

BUDGET = 2_000_000
"""The budget for all expressions of an occurrence: tens of MB, and one to five seconds of a whole CPU."""
_CHARACTERS_PER_STEP = 4
"""The number of characters that cost one step."""
_COSTS = dict.fromkeys(("function_expression", "multi_select_dict", "multi_select_list"), 5)
"""The costs of nodes that create new values. All other nodes cost one step."""
_EAGER = {"comparator", "flatten", "function_expression"}
"""The nodes that walk through the values of all their children."""
_DEEP = {"contains", "join", "max", "min", "sort", "to_string"}
"""The functions that walk through their arguments at all depths."""
_CONSTANT_TIME = {"length", "not_null", "to_array", "type"}
"""The functions whose time does not depend on their arguments. All others walk through the first level of arguments."""


class BudgetError(AichatsError, JMESPathError):
    """The budget is used up."""


class BoundedInterpreter(TreeInterpreter):
    """An interpreter with one budget for all expressions that it evaluates."""

    def __init__(self, budget: int = BUDGET) -> None:
        super().__init__()
        self.left = budget

    @override
    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """Evaluate a node, as jmespath does.

        Raises:
            BudgetError: the budget is used up.
        """
        kind = node["type"]
        self._spend(_COSTS.get(kind, 1))
        if kind in _EAGER:
            node = self._paid(node, *args)
        value = super().visit(node, *args, **kwargs)
        if kind == "slice":
            self._spend(_length(value))
        return value

    def pay_for_walk(self, value: Any) -> None:
        """Pay for a walk through a value at all depths. A value that occurs twice costs twice.

        Raises:
            BudgetError: the budget is used up.
        """
        rest = [value]
        while rest:
            item = rest.pop()
            self._spend(1 + _length(item))
            if isinstance(item, list):
                rest += item
            elif isinstance(item, dict):
                rest += item.keys()
                rest += item.values()

    def pay_for_parsing(self, expression: str) -> None:
        """Pay for parsing an expression. A character takes as long as a step.

        Raises:
            BudgetError: the budget is used up.
        """
        self._spend(len(expression))

    def _paid(self, node: Any, value: Any) -> Any:
        """Evaluate the children of a node and pay for the node's work on them. Return the node with the values."""
        values = [self.visit(child, value) for child in node["children"]]
        if node["type"] == "comparator":
            self._pay_for_comparison(*values)
        elif node["type"] == "flatten":
            self._spend(sum(1 + _length(inner) for inner in values[0]) if isinstance(values[0], list) else 0)
        elif node["value"] not in _CONSTANT_TIME:
            self._pay_for_call(node["value"], values)
        return {**node, "children": [{"type": "literal", "value": value, "children": []} for value in values]}

    def _pay_for_comparison(self, left: Any, right: Any) -> None:
        if type(left) is type(right):
            self.pay_for_walk(min(left, right, key=_length))

    def _pay_for_call(self, function: str, arguments: list[Any]) -> None:
        if function not in _DEEP:
            self._spend(sum(map(_length, arguments)))
            return
        for argument in arguments:
            self.pay_for_walk(argument)
        if function == "join":
            # The result contains the separator once for each item.
            self._spend(_length(arguments[0]) * _length(arguments[-1]))

    def _spend(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise BudgetError


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value) // _CHARACTERS_PER_STEP
    return len(value) if isinstance(value, list | dict) else 0
