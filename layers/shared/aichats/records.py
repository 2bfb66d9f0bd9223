"""Records: objects with named fields, read from decoded JSON or from texts.

Settings and the contents of secrets are records. A record costs a cold start nothing but its class, because no method
is generated for it. A function imports many records and reads few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import EllipsisType

type Place = tuple[int | str, ...]
"""The names and indexes that lead to a value."""


class RecordError(ValueError):
    """Values that don't fit a record.

    Attributes:
        problems: the place of each invalid value, and its problem. No value is shown.
    """

    def __init__(self, problems: list[tuple[Place, str]]) -> None:
        super().__init__("values don't fit a record")
        self.problems = problems


class Field[T]:
    """A field of a record.

    Args:
        read: returns the value of the field from JSON or a text. Raises ValueError with the problem, without the value.
        default: the value if the field is missing. A field without a default is required.
        check: raises ValueError if a value doesn't fit the values of the fields before it, which are the second
            argument. A field with an invalid value is missing there.
        hidden: whether the ``repr`` of a record leaves the field out.
    """

    def __init__(
        self,
        read: Callable[[Any], T],
        default: T | EllipsisType = ...,
        *,
        check: Callable[[T, Mapping[str, Any]], None] | None = None,
        hidden: bool = False,
    ) -> None:
        self._read, self.default, self._check, self.hidden = read, default, check, hidden

    def __set_name__(self, owner: type[Record], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...

    @overload
    def __get__(self, record: Record, owner: type[Record]) -> T: ...

    def __get__(self, record: Record | None, owner: type[Record]) -> Self | T:
        # A record's own values come first, so only its class gets here, and a record that is not complete yet.
        if record is None:
            return self
        raise AttributeError(self._name)

    def value(self, given: object, before: Mapping[str, Any]) -> T:
        """Return a value of the field.

        Raises:
            ValueError: the value is invalid.
        """
        value = self._read(given)
        if self._check is not None:
            self._check(value, before)
        return value


class Record:
    """An object whose fields don't change. The fields of a base class come first.

    The values in the constructor are not checked.
    """

    fields: ClassVar[Mapping[str, Field[Any]]] = {}

    def __init_subclass__(cls) -> None:
        own = {name: field for name, field in vars(cls).items() if isinstance(field, Field)}
        cls.fields = {**cls.fields, **own}

    def __init__(self, **values: object) -> None:
        if unknown := values.keys() - self.fields.keys():
            raise TypeError(f"unknown fields: {', '.join(sorted(unknown))}")
        for name, field in self.fields.items():
            if name not in values and field.default is ...:
                raise TypeError(f"missing field: {name}")
            self.__dict__[name] = values.get(name, field.default)

    @classmethod
    def of(cls, given: object, missing: str = "is missing") -> Self:
        """Return a record with the values of an object. Unknown fields are left out.

        Args:
            given: the object, as decoded JSON.
            missing: the problem of a required field without a value.

        Raises:
            RecordError: the object doesn't fit. The error has the problems of all fields.
        """
        if not isinstance(given, dict):
            raise RecordError([((), "is invalid")])
        values: dict[str, Any] = {}
        problems: list[tuple[Place, str]] = []
        for name, field in cls.fields.items():
            if name in given:
                try:
                    values[name] = field.value(given[name], values)
                except ValueError as error:
                    problems += _at(name, error)
            elif field.default is ...:
                problems.append(((name,), missing))
            else:
                values[name] = field.default
        if problems:
            raise RecordError(problems)
        return cls(**values)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __replace__(self, **changes: object) -> Self:
        return type(self)(**vars(self) | changes)

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in vars(self).items() if not self.fields[name].hidden)
        return f"{type(self).__name__}({', '.join(shown)})"


def nullable[T](read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """Return a reader that also accepts ``None``."""
    return lambda value: None if value is None else read(value)


def instance_of[T](kind: type[T], value: object, problem: str) -> T:
    """Return a value if it has a type.

    Raises:
        ValueError: it has another type. The error is the problem.
    """
    if isinstance(value, kind):
        return value
    raise ValueError(problem)


def read_each[K: (int, str), T](read: Callable[[Any], T], values: Iterable[tuple[K, Any]]) -> dict[K, T]:
    """Return the elements of a list or an object, each by its index or key.

    Raises:
        RecordError: some elements are invalid.
    """
    elements: dict[K, T] = {}
    problems: list[tuple[Place, str]] = []
    for key, value in values:
        try:
            elements[key] = read(value)
        except ValueError as error:
            problems += _at(key, error)
    if problems:
        raise RecordError(problems)
    return elements


def _at(name: int | str, error: ValueError) -> list[tuple[Place, str]]:
    """Return the problems of an error, whose places begin with a name."""
    if isinstance(error, RecordError):
        return [((name, *place), problem) for place, problem in error.problems]
    return [((name,), str(error))]
