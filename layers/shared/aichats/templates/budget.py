"""JMESPath whose evaluation comes to an end, in time and in memory.

JMESPath has no loops, but its values can be made of copies: `[@, @] | [@, @] | …` doubles with every piece, and a
thousand characters are enough for more than a machine holds. Sharing costs nothing until somebody walks through it, so
whoever walks pays, before the first step: for each node of the syntax tree, and for what a function, a comparison, `[]`
or a writer goes through.
"""

from typing import Any, override

from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

BUDGET = 2_000_000
"""What all expressions may take together that are evaluated for one occurrence: tens of MB, and one to five seconds of
a whole CPU."""
_CHARACTERS = 4
"""So many of a text cost 1."""
_COSTS = dict.fromkeys(("function_expression", "multi_select_dict", "multi_select_list"), 5)
"""What nodes cost that make new values; all others cost 1."""
_EAGER = {"comparator", "flatten", "function_expression"}
"""Nodes that go through the values of their children, all of which they need."""
_THROUGH_ALL = {"contains", "join", "max", "min", "sort", "to_string"}
"""Functions that go through all that is inside of their arguments."""
_AT_ONCE = {"length", "not_null", "to_array", "type"}
"""Functions that take as long whatever they are given. All others go through their arguments, not deeper."""


class BudgetError(JMESPathError):
    """The budget is used up."""


class BoundedInterpreter(TreeInterpreter):
    """Evaluates expressions, all of them with one budget."""

    def __init__(self, budget: int = BUDGET) -> None:
        super().__init__()
        self.left = budget

    @override
    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """As jmespath's own.

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

    def pay_for_all_in(self, value: Any) -> None:
        """Pay for a walk through a value and all that is in it, as often as it is in it.

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
        """Pay for an expression that is parsed: a character takes as long as a step.

        Raises:
            BudgetError: the budget is used up.
        """
        self._spend(len(expression))

    def _paid(self, node: Any, value: Any) -> Any:
        """The node with its children evaluated and put in their place, after it was paid for what it does with them."""
        given = [self.visit(child, value) for child in node["children"]]
        if node["type"] == "comparator":
            self._pay_for_comparison(*given)
        elif node["type"] == "flatten":
            self._spend(sum(1 + _length(inner) for inner in given[0]) if isinstance(given[0], list) else 0)
        elif node["value"] not in _AT_ONCE:
            self._pay_for_call(node["value"], given)
        return {**node, "children": [{"type": "literal", "value": each, "children": []} for each in given]}

    def _pay_for_comparison(self, left: Any, right: Any) -> None:
        if type(left) is type(right):
            self.pay_for_all_in(min(left, right, key=_length))

    def _pay_for_call(self, function: str, given: list[Any]) -> None:
        if function not in _THROUGH_ALL:
            self._spend(sum(map(_length, given)))
            return
        for argument in given:
            self.pay_for_all_in(argument)
        if function == "join":
            # The separator stands as often in the text that is made.
            self._spend(_length(given[0]) * _length(given[-1]))

    def _spend(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise BudgetError


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value) // _CHARACTERS
    return len(value) if isinstance(value, list | dict) else 0
