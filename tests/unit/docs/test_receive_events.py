"""The page about receiving events: its receiver in Python accepts genuine deliveries and nothing else."""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from tests.support.receivers_of_docs import DELIVERIES, SECRET, code_of, delivery

type Receiver = Callable[[bytes, dict[str, str]], Any]


@pytest.fixture
def receive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Receiver:
    """The function of the page."""
    monkeypatch.setenv("SECRET", SECRET)
    file = tmp_path / "receiver.py"
    file.write_text(code_of("python"))
    spec = spec_from_file_location("receiver", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    receiver: Receiver = module.receive
    return receiver


@pytest.mark.parametrize("name", DELIVERIES)
def test_the_receiver_of_the_page_accepts_genuine_deliveries_only(receive: Receiver, name: str) -> None:
    body, headers, event = delivery(name)

    assert receive(body, headers) == event
