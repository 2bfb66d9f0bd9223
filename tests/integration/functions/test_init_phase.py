"""Lambda's init phase: functions read secrets during their imports, and the garbage collector pauses until the end."""

import gc
import runpy
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aichats import init_phase
from aichats.init_phase import InitPhase
from aichats.whop.credentials import WHOP_SECRET as WHOP_KIND
from local.setup import ROOT
from tests.support.fakes import FakeSecretsManager
from tests.support.fixtures import fresh_application
from tests.support.lambda_calls import SECRETS, WHOP_SECRET, make_application
from tests.support.moto_server import moto_server
from tests.support.whop_in_memory import WhopInMemory

FUNCTIONS = sorted(path.parent.name for path in Path(ROOT, "functions").glob("*/app.py"))
LAMBDA = "AWS_LAMBDA_INITIALIZATION_TYPE"


class HeldSecretsManager(FakeSecretsManager):
    """A Secrets Manager that answers when it is released."""

    def __init__(self) -> None:
        super().__init__(SECRETS)
        self.released = threading.Event()

    def get_secret_value(self, **request: Any) -> Any:
        """Return a secret's value after the release."""
        self.released.wait()
        return super().get_secret_value(**request)


@pytest.fixture
def thawed() -> Iterator[None]:
    """Give the objects that the test froze back to the garbage collector."""
    yield
    gc.unfreeze()
    gc.enable()


@pytest.fixture
def on_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAMBDA, "on-demand")


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.usefixtures("whop")
def test_each_function_ends_its_init_phase(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    ended: list[InitPhase] = []

    def end(phase: InitPhase) -> None:
        ended.append(phase)

    monkeypatch.setattr(InitPhase, "finish", end)
    with moto_server(), fresh_application():
        module = runpy.run_path(str(ROOT / "functions" / function / "app.py"))
    assert ended == [module["app"].init_phase]


@pytest.mark.parametrize(("variable", "enabled"), [(f"{LAMBDA}=on-demand", "False"), ("OTHER=1", "True")])
def test_the_garbage_collector_pauses_during_imports_on_lambda_alone(variable: str, enabled: str) -> None:
    name, _, value = variable.partition("=")
    code = f"import os; os.environ[{name!r}] = {value!r}; import gc, aichats; print(gc.isenabled())"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout.split() == [enabled]


@pytest.mark.usefixtures("on_lambda", "thawed")
def test_the_end_of_the_init_phase_starts_the_garbage_collector_and_spares_what_is_there(whop: WhopInMemory) -> None:
    app = make_application(whop)
    gc.disable()

    app.init_phase.finish()

    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


@pytest.mark.usefixtures("thawed")
def test_a_laptop_has_no_init_phase(monkeypatch: pytest.MonkeyPatch, whop: WhopInMemory) -> None:
    monkeypatch.delenv(LAMBDA, raising=False)
    secrets = FakeSecretsManager(SECRETS)
    app, frozen = make_application(whop, secrets), gc.get_freeze_count()

    app.init_phase.read({WHOP_SECRET: WHOP_KIND})
    app.init_phase.finish()

    assert (app.init_phase.reads, gc.get_freeze_count()) == ([], frozen)


@pytest.mark.usefixtures("on_lambda", "thawed")
def test_secrets_are_read_in_the_background_and_the_end_of_the_init_phase_waits_for_them(whop: WhopInMemory) -> None:
    secrets = HeldSecretsManager()
    app = make_application(whop, secrets)
    app.init_phase.read({WHOP_SECRET: WHOP_KIND})
    assert not app.init_phase.reads[0].done()

    release(secrets.released.set)
    app.init_phase.finish()

    assert app.init_phase.reads[0].done()
    assert app.secrets.read(WHOP_SECRET, WHOP_KIND).api_key


@pytest.mark.usefixtures("on_lambda", "thawed")
def test_the_init_phase_does_not_wait_long_for_a_slow_secret(
    monkeypatch: pytest.MonkeyPatch, whop: WhopInMemory
) -> None:
    monkeypatch.setattr(init_phase, "INIT_SECONDS", 0.01)
    secrets = HeldSecretsManager()
    app = make_application(whop, secrets)
    app.init_phase.read({WHOP_SECRET: WHOP_KIND})

    app.init_phase.finish()

    assert not app.init_phase.reads[0].done()
    secrets.released.set()


def release(act: Callable[[], None]) -> None:
    """Act in another thread, a little later."""
    threading.Timer(0.05, act).start()
