"""Store a secret of a deployed stack. You type the value without echo or pipe it in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aichats.aws.secret_values import parse_secret, read_key
from aichats.errors import SecretError
from aichats.runs.stack_secrets import SECRETS
from aichats.subscriptions.signing import SIGNING_KEY, new_signing_key
from aichats.whop.credentials import WebhookSecret
from aichats_cli.admin.companies import check_company, read_companies
from aichats_cli.admin.connections import companies_in, require_connection, with_connection
from aichats_cli.admin.deployed import DeployedError
from aichats_cli.admin.proofs import Providers
from aichats_cli.admin.verify import Verification
from aichats_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats_cli.admin.companies import Credential
    from aichats_cli.admin.deployed import DeployedStack, StackSecret
    from aichats_cli.session import Session

WEBHOOK_SECRETS = 2
"""Number of webhook secrets to keep. During a rotation, Whop may sign with the old one or with the new one."""

GENERATED = "events"
"""The secret whose value is generated. CloudFormation generates the first one."""
NAMES = (*SECRETS, GENERATED)


@dataclass(frozen=True)
class Choice:
    """A choice of a secret, and of the companies for which it is stored.

    Attributes:
        name: the short name of the secret.
        company: the company that gets a key of its own.
        connection: the connection that the company uses instead of a key.
        companies: a file with the keys of many companies, or ``-``.
        replace: whether companies that are not in the file, or the key of ``events``, are replaced.
        verify: whether the provider must accept a key before it is stored.
    """

    name: str
    company: str | None = None
    connection: str | None = None
    companies: str | None = None
    replace: bool = False
    verify: bool = True

    def check(self) -> None:
        """Check what needs no stack.

        Raises:
            UsageError: the options don't fit together.
        """
        if self.name not in NAMES:
            hint = "for API clients, use: aichats admin callers add"
            raise UsageError(f"the secret must be one of {', '.join(NAMES)}, not {self.name!r}", hint)
        has_companies = self.name != GENERATED and "companies" in SECRETS[self.name].model.fields
        if (self.company or self.companies) and not has_companies:
            raise UsageError(f"{self.name} has one key for all companies. Leave --company and --companies out")
        if self.companies == "":
            raise UsageError("--companies must be a file, or - for standard input")
        check_company(self.company)
        if self.connection is not None and not self.company:
            hint = "to connect an account for all companies, use: aichats admin connect"
            raise UsageError("--connection needs --company", hint)
        if self.replace and not self.companies and self.name != GENERATED:
            raise UsageError("--replace needs --companies")


def set_secret(session: Session, stack: DeployedStack, choice: Choice) -> None:
    """Ask for a value and store it.

    Raises:
        UsageError: the options don't fit together.
        DeployedError: the value is invalid, a provider doesn't accept it, or the secret can't be read or written.
    """
    choice.check()
    secret = stack.secret(choice.name)
    if choice.name == GENERATED:
        _generate(session, secret, choice)
    elif choice.companies:
        keys = read_companies(choice.companies, session.system.stdin)
        _fill_companies(session, stack, secret, keys, choice)
    elif choice.connection is not None and choice.company:
        company, connection = choice.company, choice.connection
        require_connection(stack, secret, connection)
        secret.change(lambda value: with_connection(value, company, connection))
    else:
        _fill(session, stack, secret, choice)
    session.note(f"Stored {secret.name}. Functions use it within 5 minutes, or as soon as the old value is rejected.")


def _fill(session: Session, stack: DeployedStack, secret: StackSecret, choice: Choice) -> None:
    """Ask for one key and store it."""
    model = SECRETS[choice.name].model
    owner = f" of {choice.company}" if choice.company else ""
    key = session.secret(f"{SECRETS[choice.name].prompt}{owner} for {secret.name}")
    if model is WebhookSecret:
        secret.change(lambda value: with_webhook_secret(value, key))
    else:
        _check_key(key)  # A malformed key is not sent to the provider.
        if choice.verify:
            Verification(session, stack, Providers.find(stack)).require(choice.name, key)
        _require_usable(stack, secret, choice.name, secret.change(lambda value: _with_key(value, key, choice.company)))


def _generate(session: Session, secret: StackSecret, choice: Choice) -> None:
    """Store a random signing key.

    Raises:
        DeployedError: functions can use the key that is there, and it is not to be replaced.
    """

    def with_signing_key(value: dict[str, Any]) -> dict[str, Any]:
        if not choice.replace and _is_usable(secret.name, value):
            raise DeployedError(
                f"{secret.name} has a key. With another key, receivers reject deliveries until they have their new "
                "secrets",
                "to replace it anyway, add --replace",
            )
        return value | {"signing_key": new_signing_key()}

    secret.change(with_signing_key)
    session.note("After 5 minutes, rotate each subscription (aichats notify rotate NAME): all secrets have changed.")


def _is_usable(name: str, value: dict[str, Any]) -> bool:
    try:
        SIGNING_KEY.parse(name, value)
    except SecretError:
        return False
    return True


def _fill_companies(
    session: Session, stack: DeployedStack, secret: StackSecret, keys: Mapping[str, Credential], choice: Choice
) -> None:
    """Store the keys of many companies, and note how many changed."""
    for name in sorted({key["connection"] for key in keys.values() if isinstance(key, dict)}):
        require_connection(stack, secret, name)
    own = {company: key for company, key in keys.items() if isinstance(key, str)}
    if own and choice.verify:
        Verification(session, stack, Providers.find(stack)).require_all(own)
    before: dict[str, object] = {}

    def with_companies(value: dict[str, object]) -> dict[str, object]:
        before.clear()
        before.update(companies_in(value))
        return value | {"companies": dict(keys) if choice.replace else before | dict(keys)}

    after = companies_in(secret.change(with_companies))
    added, removed = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    changed = sum(before[company] != after[company] for company in before.keys() & after.keys())
    session.note(f"{len(after)} companies: {added} added, {changed} changed, {removed} removed")


def _check_key(key: str) -> None:
    try:
        read_key(key)
    except ValueError:
        raise DeployedError("a key must be 1 to 4096 printable characters without spaces") from None


def _with_key(value: dict[str, object], key: str, company: str | None) -> dict[str, object]:
    """Return the secret with the key added. The other keys stay, even if a person has broken one by hand."""
    return value | ({"companies": companies_in(value) | {company: key}} if company else {"api_key": key})


def _require_usable(stack: DeployedStack, secret: StackSecret, name: str, value: dict[str, Any]) -> None:
    """Check that functions can use the secret, now that the key is stored.

    Raises:
        DeployedError: other entries are malformed.
    """
    try:
        parse_secret(SECRETS[name].model, secret.name, value)
    except SecretError as error:
        problem = f"the key is stored, but functions can't use the secret yet, because it {error.problem}"
        command = stack.command(f"secret set {name}")
        hint = f"for api_key, type: {command}. For the entry of a company, type: {command} --company biz_..."
        raise DeployedError(problem, hint) from None


def with_webhook_secret(value: dict[str, object], key: str) -> dict[str, object]:
    """Return the secret with this webhook secret first, and the newest of the others."""
    if not re.fullmatch(r"ws_[\x21-\x7e]{1,4093}", key):
        raise DeployedError("a webhook secret must start with ws_. Copy it from the webhook's page in Whop")
    secrets = value.get("secrets")
    others = [known for known in secrets if known != key] if isinstance(secrets, list) else []
    return value | {"secrets": [key, *others][:WEBHOOK_SECRETS]}
