"""The options and arguments of commands: read without pydantic, which takes longer to import than most commands to run.

Typer reads every value with pydantic. These classes read the usual types, and leave the others to Typer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, override

import typer
from typer._coercion import RuntimeParam
from typer.core import TyperArgument, TyperOption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typer._coercion import TypeDescriptor

    type Read = Callable[[Any], Any]

WORDS: dict[object, str] = {str: "TEXT", int: "N", float: "N", Path: "PATH"}
"""The word for a value in the help, by its type."""


class LeanParam(RuntimeParam):
    """Reads the value of one option or argument."""

    @override
    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        read = reader_of(param.type_descriptor) or str
        try:
            return [read(each) for each in value] if param.type_descriptor.is_list else read(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None


class LeanOption(TyperOption):
    """An option whose help shows a word for its value, such as ``TEXT``."""

    @override
    def get_runtime_param(self) -> RuntimeParam:
        """Return what reads the value."""
        return lean_param(self.type_descriptor) or super().get_runtime_param()

    @override
    def display_type(self, ctx: Any) -> str:
        """Return the word for the value in the help."""
        return word_for(self.type_descriptor) or super().display_type(ctx)


class LeanArgument(TyperArgument):
    """An argument whose help shows its name alone. The usage shows it as ``NAME``, ``NAME...`` or ``[NAME...]``."""

    @override
    def get_runtime_param(self) -> RuntimeParam:
        """Return what reads the value."""
        return lean_param(self.type_descriptor) or super().get_runtime_param()

    @property
    def display_name_raw(self) -> str:
        """The name in the help."""
        return self.metavar or self.name.upper()

    @override
    def display_type_rich(self, ctx: Any) -> None:
        """Return nothing: the name is enough."""

    @override
    def get_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the argument in the line of the usage."""
        name = self.display_name_raw.removesuffix("...") + ("..." if self.nargs != 1 else "")
        return [name if self.required else f"[{name}]"]


def lean(parameters: Iterable[Any]) -> list[Any]:
    """Return the parameters of a command with the classes of this module."""
    made: list[Any] = []
    for each in parameters:
        if type(each) is TyperOption:
            made.append(retyped(each, LeanOption))
        else:
            made.append(retyped(each, LeanArgument) if type(each) is TyperArgument else each)
    return made


def retyped[P](parameter: object, kind: type[P]) -> P:
    """Return a parameter as an object of another class: Typer doesn't let a command choose the class."""
    made = kind.__new__(kind)
    vars(made).update(vars(parameter))
    return made


def lean_param(descriptor: TypeDescriptor) -> LeanParam | None:
    """Return what reads a parameter: ``None`` if only Typer can read its type."""
    if reader_of(descriptor) is None:
        return None
    return LeanParam(descriptor.parameter_info, descriptor.annotation)


def element_of(descriptor: TypeDescriptor) -> object:
    """Return the type of a value, or of each value of a list."""
    return get_args(descriptor.annotation)[0] if descriptor.is_list else descriptor.annotation


def word_for(descriptor: TypeDescriptor) -> str | None:
    """Return the word for a value in the help, such as ``TEXT`` or ``json|yaml``."""
    if descriptor.choices is not None:
        return "|".join(map(str, descriptor.choices))
    return WORDS.get(element_of(descriptor))


def reader_of(descriptor: TypeDescriptor) -> Read | None:
    """Return a function that reads a value, and raises ``ValueError`` if it is wrong: ``None`` for other types."""
    info, element = descriptor.parameter_info, element_of(descriptor)
    if descriptor.choices is not None:
        return lambda text: chosen(text, descriptor.choices or ())
    if info.parser is not None or descriptor.is_file:
        return None
    if element in (int, float):
        return lambda text: number(text, int if element is int else float, info.min, info.max)
    if element is Path and not (info.exists or info.resolve_path or info.path_type):
        return Path
    return {str: str, bool: bool}.get(element) if isinstance(element, type) else None


def chosen(text: object, choices: tuple[Any, ...]) -> Any:
    """Return the choice that a text names.

    Raises:
        ValueError: there is no such choice.
    """
    found = [each for each in choices if text in (each, str(each))]
    if not found:
        raise ValueError(f"{text} is not one of {', '.join(map(str, choices))}")
    return found[0]


def number(text: object, kind: type[int | float], low: float | None, high: float | None) -> float:
    """Return the number that a text means.

    Raises:
        ValueError: the text isn't a number, or the number is too small or too large.
    """
    try:
        value = kind(str(text))
    except ValueError:
        raise ValueError(f"{text} is not a {'whole ' if kind is int else ''}number") from None
    if (low is not None and value < low) or (high is not None and value > high):
        limits = [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
        raise ValueError(f"{text} is out of range: {' and '.join(limits)}")
    return value
