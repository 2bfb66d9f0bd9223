"""Records: their fields, their defaults, and the problems of values that don't fit."""

from copy import replace

import pytest

from aichats.aws.secret_values import read_text
from aichats.records import Field, Record, RecordError, instance_of, nullable, read_each


class Owner(Record):
    """A record inside another one."""

    name = Field(read_text)
    note = Field(nullable(read_text), None, hidden=True)


def _owners(value: object) -> list[Owner]:
    return list(read_each(Owner.of, enumerate(instance_of(list, value, "must be a list"))).values())


class House(Record):
    """A record with records."""

    street = Field(read_text)
    owners = Field(_owners)


class TallHouse(House):
    """A record with the fields of its base class, and one more."""

    floors = Field(int, 2)


ANN = {"name": "Ann", "note": "secret"}


def test_a_record_has_the_fields_of_its_base_class_first() -> None:
    assert list(TallHouse.fields) == ["street", "owners", "floors"]
    assert TallHouse.of({"street": "Elm", "owners": [], "x": 1}) == TallHouse(street="Elm", owners=[], floors=2)


def test_records_of_different_classes_differ() -> None:
    assert House(street="Elm", owners=[]) != TallHouse(street="Elm", owners=[])
    assert Owner(name="Ann") == Owner(name="Ann") != Owner(name="Bob")
    assert len({Owner(name="Ann"), Owner(name="Ann")}) == 1


def test_all_problems_are_reported_with_their_places() -> None:
    with pytest.raises(RecordError) as raised:
        House.of({"owners": [ANN, {"note": 5}, 7]})

    assert raised.value.problems == [
        (("street",), "is missing"),
        (("owners", 1, "name"), "is missing"),
        (("owners", 1, "note"), "must be a text"),
        (("owners", 2), "is invalid"),
    ]


def test_a_hidden_field_is_not_shown() -> None:
    assert repr(House.of({"street": "Elm", "owners": [ANN]})) == "House(street='Elm', owners=[Owner(name='Ann')])"


def test_a_record_does_not_change_but_can_be_replaced() -> None:
    owner = Owner.of(ANN)
    with pytest.raises(AttributeError, match=r"Owner\.name is frozen"):
        owner.name = "Bob"  # A descriptor without a setter: the record itself rejects it.

    assert replace(owner, name="Bob") == Owner(name="Bob", note="secret")
    assert owner.name == "Ann"


@pytest.mark.parametrize(("values", "problem"), [({}, "missing field: name"), ({"x": 1}, "unknown fields: x")])
def test_a_record_needs_its_fields_and_has_no_others(values: dict[str, object], problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        Owner(**values)
