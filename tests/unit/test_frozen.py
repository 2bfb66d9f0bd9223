"""Frozen classes behave like frozen dataclasses, which are the judge."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats.frozen import frozen

type Decorator = Callable[[type], Any]


def declared(decorator: Decorator) -> tuple[Any, Any]:
    """Return a class with all kinds of fields, and a class that derives from it."""

    @decorator
    class Base:
        kind: ClassVar[str] = "base"
        name: str
        size: int = 0
        labels: Mapping[str, str] = field(default_factory=dict, repr=False)
        note: str | None = field(default=None, compare=False)
        secret: list[int] | None = field(default=None, hash=False)
        last: str | None = field(default=None, kw_only=True)

        @cached_property
        def twice(self) -> str:
            return self.name * 2

    @decorator
    class Derived(Base):
        name: str = "derived"
        more: tuple[int, ...] = ()

        def __repr__(self) -> str:
            return "own"

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("size is negative")

    return Base, Derived


OURS = declared(frozen)
JUDGES = declared(dataclass(frozen=True))
values = {
    "name": st.sampled_from(["a", "b"]),
    "size": st.integers(-1, 1),
    "labels": st.just(()) | st.just((1,)),
    "note": st.none() | st.just("n"),
    "secret": st.none() | st.just([1]),
    "last": st.none() | st.just("z"),
    "more": st.just((1,)),
    "unknown": st.just(1),
}
SHARED: list[int] = []
positional = st.lists(st.sampled_from(["a", 0, 1]), max_size=3)
named = st.dictionaries(st.sampled_from(sorted(values)), st.just(None)).flatmap(
    lambda chosen: st.fixed_dictionaries({name: values[name] for name in chosen})
)
whole = st.fixed_dictionaries({"name": values["name"]}, optional={name: values[name] for name in [*values][1:6]})


def outcome(act: Callable[[], Any]) -> Any:
    """Return the result, or the type of the error."""
    try:
        return act()
    except (TypeError, ValueError, AttributeError) as error:
        return type(error)


def fields_of(created: Any) -> Any:
    return created if isinstance(created, type) else {name: getattr(created, name) for name in [*values][:6]}


@given(positional, named, st.sampled_from([0, 1]))
def test_an_object_is_created_or_rejected_like_a_dataclass(
    given_positions: list[Any], given_names: dict[str, Any], which: int
) -> None:
    ours = outcome(lambda: OURS[which](*given_positions, **given_names))
    judged = outcome(lambda: JUDGES[which](*given_positions, **given_names))

    assert fields_of(ours) == fields_of(judged)
    if not isinstance(ours, type):
        assert repr(ours) == repr(judged)


@given(whole, whole)
def test_objects_are_equal_and_hashed_like_dataclasses(one: dict[str, Any], other: dict[str, Any]) -> None:
    (ours, judge) = (OURS[0], JUDGES[0])

    equal = outcome(lambda: ours(**one) == ours(**other))
    assert equal == outcome(lambda: judge(**one) == judge(**other))
    assert outcome(lambda: hash(ours(**one))) == outcome(lambda: hash(judge(**one)))
    if equal is True:
        assert outcome(lambda: hash(ours(**one))) == outcome(lambda: hash(ours(**other)))


@given(whole, named)
def test_a_copy_with_changes_is_like_that_of_a_dataclass(one: dict[str, Any], changes: dict[str, Any]) -> None:
    ours = outcome(lambda: copy.replace(OURS[0](**one), **changes))
    judged = outcome(lambda: copy.replace(JUDGES[0](**one), **changes))

    assert fields_of(ours) == fields_of(judged)


@pytest.mark.parametrize("which", [0, 1])
def test_a_base_class_and_a_derived_class_are_different_even_with_equal_fields(which: int) -> None:
    base, derived = (OURS, JUDGES)[which]

    assert base("a") != derived("a")
    assert base("a") == base("a")
    assert base("a") != "a"
    assert base.kind == derived.kind == "base"
    assert (base.size, derived.name) == (0, "derived")


def test_an_object_cannot_be_changed_but_caches_its_properties() -> None:
    created = OURS[0]("a")

    with pytest.raises(FrozenInstanceError, match=r"Base\.name is frozen"):
        created.name = "b"
    with pytest.raises(FrozenInstanceError):
        created.unknown = "b"
    with pytest.raises(FrozenInstanceError):
        del created.name
    assert created.twice is created.twice
    assert created == OURS[0]("a")
    assert copy.deepcopy(created) == created
    assert copy.replace(created, name="b").twice == "bb"


def test_objects_are_matched_by_position_like_dataclasses() -> None:
    assert OURS[0].__match_args__ == JUDGES[0].__match_args__
    assert OURS[1].__match_args__ == JUDGES[1].__match_args__


def test_defaults_are_created_for_each_object_and_cannot_be_shared() -> None:
    assert OURS[0]("a").labels is not OURS[0]("a").labels

    with pytest.raises(ValueError, match=r"mutable default of Wrong\.items: use default_factory"):

        @frozen
        class Wrong:
            items: list[int] = SHARED


def test_a_missing_or_unknown_value_is_named() -> None:
    with pytest.raises(TypeError, match="Base needs name"):
        OURS[0]()
    with pytest.raises(TypeError, match="Base takes name, size, labels, note, secret, last, each at most once"):
        OURS[0]("a", name="b")
    with pytest.raises(TypeError, match="Base has no unknown"):
        OURS[0]("a", unknown="b")
