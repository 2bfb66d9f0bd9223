"""The stack that a command of `aichats admin` means, and the AWS in which it is."""

from pathlib import Path

import httpx
import pytest

from aichats_cli.admin.aws import ACCOUNT, Aws
from aichats_cli.admin.target import find_stack
from aichats_cli.errors import CommandError, UsageError
from aichats_cli.profiles import Profile, Profiles, write
from aichats_cli.session import Session
from aichats_cli.system import System

STAGING = Profile("staging", "https://api.example", "token", "aichats-staging", "eu-north-1")
PLAIN = Profile("plain", "https://other.example", "token")
LOCAL = {
    "stack": "aichats-local",
    "region": "eu-west-1",
    "aws": {"endpoint_url": "http://127.0.0.1:4566", "access_key_id": "000", "secret_access_key": "local"},
    "mocks": {},
    "functions": [],
}
LOCAL_AWS = Aws("eu-west-1", "http://127.0.0.1:4566", "000", "local")


class Machine:
    """A machine with the profiles of two stacks, on which `aichats dev` may run."""

    def __init__(self, folder: Path) -> None:
        self.variables = {"XDG_CONFIG_HOME": str(folder)}
        self._file = folder / "aichats" / "profiles.toml"
        self.has_local_stack = True
        self.log_in("local")

    def log_in(self, default: str) -> None:
        """Store the profiles, with this one as the default."""
        self._file.parent.mkdir(exist_ok=True)
        write(self._file, Profiles({"staging": STAGING, "plain": PLAIN}, default))

    def session(self, profile: str | None = None) -> Session:
        """Return a command with this option `--profile`."""
        return Session(System(variables=self.variables, transport=httpx.MockTransport(self._answer)), profile)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/_local"
        if not self.has_local_stack:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json=LOCAL)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_stack_that_was_typed_is_that_of_the_aws_configuration(machine: Machine) -> None:
    stack = find_stack(machine.session(), "aichats-dev")

    assert (stack.name, stack.aws) == ("aichats-dev", ACCOUNT)
    assert stack.command("doctor") == "aichats admin doctor --stack aichats-dev"


def test_the_stack_of_the_profile_has_the_profiles_region(machine: Machine) -> None:
    named = find_stack(machine.session("staging"), None)
    machine.log_in("staging")
    default = find_stack(machine.session(), None)

    assert named.name == default.name == "aichats-staging"
    assert named.aws == default.aws == find_stack(machine.session(), "aichats-staging").aws == Aws("eu-north-1")
    assert named.command("doctor") == "aichats admin doctor --profile staging"
    assert default.command("doctor") == "aichats admin doctor"


def test_without_a_login_the_variable_names_the_stack(machine: Machine) -> None:
    machine.variables["AICHATS_STACK"] = "aichats-dev"

    assert find_stack(machine.session(), None).name == "aichats-dev"
    assert find_stack(machine.session("plain"), None).name == "aichats-dev"
    assert find_stack(machine.session("staging"), None).name == "aichats-staging"


def test_the_local_stack_is_in_its_own_aws(machine: Machine) -> None:
    default = find_stack(machine.session(), None)
    machine.variables["AICHATS_STACK"] = "aichats-dev"
    named = find_stack(machine.session("local"), None)

    assert default.name == named.name == "aichats-local"
    assert default.aws == named.aws == LOCAL_AWS
    assert default.command("doctor") == "aichats admin doctor"
    assert named.command("doctor") == "aichats admin doctor --profile local"


def test_a_local_stack_on_another_port_is_found_by_its_address(machine: Machine) -> None:
    machine.variables |= {"AICHATS_URL": "http://127.0.0.1:3100", "AICHATS_TOKEN": "local-token"}

    assert find_stack(machine.session(), None).aws == LOCAL_AWS


def test_a_local_stack_that_does_not_run_is_never_another_stack(machine: Machine) -> None:
    machine.has_local_stack = False

    with pytest.raises(CommandError, match="can't reach"):
        find_stack(machine.session(), None)


def test_a_profile_without_a_stack_needs_its_name(machine: Machine) -> None:
    with pytest.raises(UsageError, match="no stack is named"):
        find_stack(machine.session("plain"), None)


def test_a_stack_that_was_typed_needs_no_profile(machine: Machine) -> None:
    machine.variables["AICHATS_PROFILE"] = "removed"

    assert find_stack(machine.session(), "aichats-dev").name == "aichats-dev"


def test_the_secret_key_is_in_no_representation() -> None:
    assert "local'" not in repr(LOCAL_AWS)
