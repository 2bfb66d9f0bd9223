"""Classes with named fields that don't change, declared like frozen dataclasses but without generated code.

``dataclasses`` compiles the methods of each class while its module is imported. A function that performs runs has
about 40 such classes, and compiling them took a sixth of its cold start.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, field
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, NoReturn, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen[T](cls: type[T]) -> type[T]:
    """Give a class the methods of a frozen dataclass, except those that it defines itself.

    :func:`dataclasses.field` works as in a dataclass, and ``__post_init__`` too. Use :func:`copy.replace` for a copy
    with changes.
    """
    fields: dict[str, Field[Any]] = dict(getattr(cls, "__frozen_fields__", {}))
    for name, annotation in get_annotations(cls).items():
        if "ClassVar" not in str(annotation):
            fields[name] = _field(cls, name)
    derived = {
        "__frozen_fields__": fields,
        "__frozen_defaults__": {name: each.default for name, each in fields.items() if each.default is not MISSING},
        "__match_args__": tuple(name for name, each in fields.items() if each.kw_only is not True),
    }
    for name, value in (_METHODS | derived).items():
        # Python sets __hash__ to None in a class that defines __eq__.
        if cls.__dict__.get(name) is None:
            setattr(cls, name, value)
    return cls


def _field(cls: type, name: str) -> Field[Any]:
    """Return an attribute as a field. Its default stays an attribute of the class.

    Raises:
        ValueError: the default is an object that could be changed.
    """
    default = cls.__dict__.get(name, MISSING)
    declared: Field[Any] = default if isinstance(default, Field) else field(default=default)
    if declared.default is not MISSING and type(declared.default).__hash__ is None:
        raise ValueError(f"mutable default of {cls.__name__}.{name}: use default_factory")
    if isinstance(default, Field):
        delattr(cls, name)
        if default.default is not MISSING:
            setattr(cls, name, default.default)
    return declared


def _init(self: Any, /, *positional: Any, **named: Any) -> None:
    names, fields, values = self.__match_args__, self.__frozen_fields__, self.__dict__
    if positional:
        given = names[: len(positional)]
        if len(positional) > len(names) or not named.keys().isdisjoint(given):
            raise TypeError(f"{type(self).__name__} takes {', '.join(fields)}, each at most once")
        named |= zip(given, positional, strict=True)
    values |= self.__frozen_defaults__
    values |= named
    if len(values) != len(fields) or not named.keys() <= fields.keys():
        _complete(self, named)
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _complete(self: Any, given: Mapping[str, Any]) -> None:
    """Call the default factories.

    Raises:
        TypeError: a value is missing or unknown.
    """
    fields = self.__frozen_fields__
    for name, each in fields.items():
        if name not in self.__dict__:
            if each.default_factory is MISSING:
                raise TypeError(f"{type(self).__name__} needs {name}")
            self.__dict__[name] = each.default_factory()
    if unknown := given.keys() - fields.keys():
        raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")


def _repr(self: Any) -> str:
    shown = (f"{name}={self.__dict__[name]!r}" for name, each in self.__frozen_fields__.items() if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return _compared(self) == _compared(other)


def _compared(value: Any) -> list[Any]:
    return [value.__dict__[name] for name, each in value.__frozen_fields__.items() if each.compare]


def _hash(self: Any) -> int:
    # A field without ``hash`` is hashed if it is compared.
    hashed = {name: each.compare if each.hash is None else each.hash for name, each in self.__frozen_fields__.items()}
    return hash(tuple(self.__dict__[name] for name, counts in hashed.items() if counts))


def _replace(self: Any, /, **changes: Any) -> Any:
    return type(self)(**{name: self.__dict__[name] for name in self.__frozen_fields__} | changes)


def _setattr(self: Any, name: str, _: object) -> NoReturn:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} is frozen")


def _delattr(self: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} is frozen")


_METHODS = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__replace__": _replace,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
}
