"""The settings are read as pydantic reads the same variables, with the same errors."""

import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import aichats.kodey.settings
import aichats.settings
import aichats.whop.settings
from aichats.errors import ConfigurationError
from aichats.settings import Environment
from tests.support import setting_models

MODULES: tuple[ModuleType, ...] = (aichats.settings, aichats.whop.settings, aichats.kodey.settings)
KINDS = {
    kind.__name__: kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Environment) and kind.__module__ == module.__name__
}
NAMES = sorted(name.upper() for name in {name for kind in KINDS.values() for name in kind.fields})
OF_PYTHON_ALONE = re.compile(r"\s|_|^\+|\.0*$|[^\x00-\x7f]")
"""Numbers that Python or pydantic reads that are not meant as numbers: with spaces, other scripts' digits and so on."""

urls = st.sampled_from(["http://127.0.0.1:8001/api", "https://api.invalid", "http://a.invalid", "HTTPS://a", "http://"])
hosts = st.from_regex(r"http://(localhost|127(\.[0-9]{1,4}){3}|\[::1\]|host\.docker\.internal)(:[0-9]{0,6})?.?")
numbers = st.integers(-2, 400_000).map(str) | st.floats().map(str) | st.sampled_from(["007", "-0", "1e3", "9" * 5000])
versions = st.from_regex(r"[0-9]{3,5}-[0-9]{2}-[0-9]{2}(-[0-9]*)?", fullmatch=True)
words = st.sampled_from(["clean", "off", "allowed", "forbidden", "day", "month", "true", "Yes", "F", "nO", "1", "o"])
texts = st.text() | st.text(st.characters(codec="utf-16-le", categories=["Cs", "L"]), max_size=2)
variables = st.dictionaries(st.sampled_from(NAMES), urls | hosts | numbers | versions | words | texts)


def read(kind: Any, environment: Mapping[str, str]) -> object:
    """Return the values of the fields, or the error."""
    try:
        settings = kind.from_environment(environment)
    except ConfigurationError as error:
        return str(error)
    return {name: getattr(settings, name) for name in KINDS[kind.__name__].fields}


def test_the_judge_has_all_settings_and_their_fields_in_the_same_order() -> None:
    judges = {name: list(getattr(setting_models, name).model_fields) for name in KINDS}

    assert {name: list(kind.fields) for name, kind in KINDS.items()} == judges


@pytest.mark.parametrize("kind", KINDS)
@given(environment=variables)
@example(environment={})
@example(environment=dict.fromkeys(NAMES, "1"))
@example(environment=dict.fromkeys(NAMES, "https://api.invalid"))
def test_any_environment_is_read_as_pydantic_reads_it(kind: str, environment: dict[str, str]) -> None:
    numeric = {name.upper() for name in KINDS[kind].fields if name.endswith(("seconds", "days", "bytes", "minutes"))}
    numeric |= {"BUDGET_RUNS", "BUDGET_TOKENS"}
    plain = {
        name: value for name, value in environment.items() if name not in numeric or not OF_PYTHON_ALONE.search(value)
    }

    assert repr(read(KINDS[kind], plain)) == repr(read(getattr(setting_models, kind), plain))


@pytest.mark.parametrize("value", [" 5", "5 ", "5.0", "1_0", "+5", "\u0665", "5\n"])
def test_a_whole_number_is_written_in_digits_alone(value: str) -> None:
    with pytest.raises(ConfigurationError, match="KEEP_TEXTS_DAYS: must be a whole number"):
        aichats.settings.Settings.from_environment({"KEEP_TEXTS_DAYS": value})
