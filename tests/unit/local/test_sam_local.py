"""`make sam-local` without Docker: its calls of Docker and SAM CLI, and its messages."""

import io
import json
import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cloud.deploy import Stack
from local.cloud.emulator import Emulator
from local.console import Console
from local.errors import LocalError
from local.sam_local import commands, image, relay, sam
from local.system import BEARER, KODEY, WHOP, System
from tests.support.waiting import until

HOSTS = "127.0.0.1\tlocalhost\n\n172.17.0.1\thost.docker.internal\n172.17.0.2\tf00\n"


class FakeDocker:
    """A fake `docker` on PATH with set results, which records its calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cases: list[str] = []

    def does(self, command: str, *, exit_code: int = 0, out: str = "", err: str = "") -> None:
        """Set the result of `docker COMMAND...`. Other commands fail."""
        printed = f"printf %s {shlex.quote(out)}; printf %s {shlex.quote(err)} >&2; exit {exit_code}"
        self._cases.append(f"{shlex.quote(command)}*) {printed} ;;")
        script = ["#!/bin/sh", f'echo "$*" >>{shlex.quote(str(self._folder / "asked"))}', 'case "$*" in', *self._cases]
        executable = self._folder / "docker"
        executable.write_text("\n".join([*script, "*) exit 1 ;;", "esac\n"]))
        executable.chmod(0o755)

    def was_asked(self, command: str) -> bool:
        """Return whether `docker COMMAND...` was run."""
        return any(line.startswith(command) for line in (self._folder / "asked").read_text().splitlines())


class FakeLambdaImage:
    """`local/lambda-image`, which would install and build things."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, ...]] = []

    def __call__(self, *arguments: str) -> None:
        self.runs.append(arguments)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return FakeDocker(tmp_path)


@pytest.fixture
def lambda_image(monkeypatch: pytest.MonkeyPatch) -> FakeLambdaImage:
    fake = FakeLambdaImage()
    monkeypatch.setattr(image, "lambda_image", fake)
    return fake


@pytest.fixture
def console() -> Console:
    return Console(io.StringIO(), {})


def can_build(monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> None:
    monkeypatch.setattr(image, "can_build_image", lambda: answer)


def test_an_engine_that_answers_is_left_alone(docker: FakeDocker, lambda_image: FakeLambdaImage) -> None:
    docker.does("version")
    image.provide_engine()
    assert lambda_image.runs == []


def test_an_engine_is_started_where_that_is_possible(
    docker: FakeDocker, lambda_image: FakeLambdaImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.does("version", exit_code=1)
    can_build(monkeypatch, answer=True)
    image.provide_engine()
    assert lambda_image.runs == [("--engine",)]


def test_elsewhere_a_missing_engine_is_reported_with_its_reason_and_what_to_do(
    docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.does("version", exit_code=1, err="Client: 28\nCannot connect to the Docker daemon")
    can_build(monkeypatch, answer=False)
    with pytest.raises(LocalError, match=r"\(Cannot connect to the Docker daemon\)\. To fix it, start Docker Desktop"):
        image.provide_engine()


def test_a_machine_without_docker_gets_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    can_build(monkeypatch, answer=False)
    with pytest.raises(LocalError, match="No such file or directory: 'docker'"):
        image.provide_engine()


def test_an_image_that_is_there_is_not_fetched(docker: FakeDocker, console: Console) -> None:
    docker.does("image inspect")
    image.provide_image(console)
    assert not docker.was_asked("pull")


def test_a_missing_image_is_fetched_for_x86_64_whatever_this_machine_is(
    docker: FakeDocker, lambda_image: FakeLambdaImage, console: Console
) -> None:
    docker.does("pull")
    image.provide_image(console)
    assert docker.was_asked(f"pull --platform linux/amd64 {image.IMAGE}")
    assert lambda_image.runs == []


def test_a_replacement_is_built_if_the_registry_is_out_of_reach(
    docker: FakeDocker, lambda_image: FakeLambdaImage, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.does("pull", exit_code=1)
    can_build(monkeypatch, answer=True)
    image.provide_image(console)
    assert lambda_image.runs == [()]


def test_if_no_replacement_can_be_built_both_solutions_are_shown(
    docker: FakeDocker, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.does("pull", exit_code=1)
    can_build(monkeypatch, answer=False)
    with pytest.raises(LocalError, match=r"give Docker access to public\.ecr\.aws, or .* sudo local/lambda-image"):
        image.provide_image(console)


def test_the_address_in_containers_is_what_a_container_sees(docker: FakeDocker) -> None:
    docker.does("run --rm --add-host host.docker.internal:host-gateway --entrypoint cat", out=HOSTS)
    assert relay.address_in_containers() == "172.17.0.1"


def test_a_container_that_does_not_run_is_reported_with_its_reason(docker: FakeDocker) -> None:
    docker.does("run", exit_code=125, err="no space left on device")
    with pytest.raises(LocalError, match="did not run: no space left on device"):
        relay.address_in_containers()


@pytest.fixture
def fake_sam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An executable in SAM CLI's place, to be written by the test; what it may use is in this folder."""
    monkeypatch.setattr(sam, "SAM", str(tmp_path / "sam"))
    return tmp_path / "sam"


def write(script: Path, *lines: str) -> None:
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    script.chmod(0o755)


def test_sam_cli_sees_the_local_account_and_nothing_of_the_developers(
    fake_sam: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    write(fake_sam, f"env >{shlex.quote(str(fake_sam.parent / 'env'))}")
    with sam.sam(["build"], {"AWS_ACCESS_KEY_ID": "000000000000"}) as process:
        assert process.wait() == 0
    seen = dict(line.split("=", 1) for line in (fake_sam.parent / "env").read_text().splitlines() if "=" in line)
    assert {name for name in seen if name.startswith("AWS_")} == {"AWS_ACCESS_KEY_ID"}
    assert seen["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert seen["WHEELHOUSE"].endswith(".tools/wheelhouse")


def test_each_run_of_sam_cli_has_a_temporary_folder_of_its_own(fake_sam: Path) -> None:
    write(fake_sam, f'echo "$TMPDIR" >>{shlex.quote(str(fake_sam.parent / "folders"))}; test -d "$TMPDIR"')
    for _ in range(2):
        with sam.sam(["build"], {}) as process:
            assert process.wait() == 0
    first, second = (fake_sam.parent / "folders").read_text().splitlines()
    assert first != second
    assert not Path(first).exists()


def test_a_failed_build_is_an_error(fake_sam: Path) -> None:
    write(fake_sam, "exit 1")
    with pytest.raises(LocalError, match="sam build failed"):
        sam.build({})


@pytest.fixture
def sigint_heard() -> Iterator[None]:
    """The usual handler of SIGINT, even if the tests were started with SIGINT ignored, which children inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint_heard")
def test_sam_cli_is_ended_with_the_signal_on_which_it_removes_its_containers(fake_sam: Path) -> None:
    removed, ready = fake_sam.parent / "removed", fake_sam.parent / "ready"
    trap = f"trap 'touch {shlex.quote(str(removed))}; exit 0' INT"
    write(fake_sam, trap, f"touch {shlex.quote(str(ready))}", "while :; do sleep 0.02; done")
    with sam.sam(["local", "start-api"], {}) as process:
        until(ready.exists)
    assert process.returncode == 0
    assert removed.exists()


def test_sam_cli_that_does_not_end_is_killed(fake_sam: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam, "PATIENCE", 0.05)
    ready = fake_sam.parent / "ready"
    write(fake_sam, "trap '' INT", f"touch {shlex.quote(str(ready))}", "while :; do sleep 0.02; done")
    with sam.sam(["local", "invoke"], {}) as process:
        until(ready.exists)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("companies", "missing"),
    [
        ([], ["biz_A", "biz_B"]),
        (["biz_B", "biz_C"], ["biz_A"]),
        (["biz_A", "biz_B"], []),
    ],
)
def test_targets_without_a_chat_are_found(companies: list[str], missing: list[str]) -> None:
    chats = [{"company_id": company} for company in companies]
    assert commands.without_chat(["biz_A", "biz_B"], chats) == missing


def test_a_chat_for_no_company_is_for_the_target_null() -> None:
    assert commands.without_chat([None], [{"company_id": None}]) == []
    assert commands.without_chat([None], [{"company_id": "biz_A"}]) == ["None"]


def test_the_commands_to_copy_are_whole() -> None:
    printed = io.StringIO()
    urls = {WHOP: "http://127.0.0.1:8001", KODEY: "http://127.0.0.1:8002"}
    system = System(Emulator(port=14566), Stack("s", {}, {}, {}), urls, "http://127.0.0.1:3001")
    commands.explain(Console(printed, {}), system, 3000)
    to_copy = [line for line in printed.getvalue().splitlines() if line.startswith("  ")][-3:]
    curl, export, invoke = map(shlex.split, to_copy)
    assert curl[:3] == ["curl", "-i", "http://127.0.0.1:3000/chats"]
    assert f"Authorization: Bearer {BEARER}" in curl
    assert json.loads(curl[-1])["company_id"] == "biz_A"
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:14566" in export
    assert invoke[:4] == [".tools/sam/bin/sam", "local", "invoke", "RunScheduleFunction"]
