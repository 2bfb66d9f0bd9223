"""Store a secret of a deployed stack (`make secret`). You type the value without echo or pipe it in."""

import argparse
import getpass
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from aichats.aws.secret_values import parse_secret
from aichats.errors import SecretError
from aichats.runs.actions import SECRETS
from aichats.subscriptions.signing import SIGNING_KEY, new_signing_key
from aichats.whop.credentials import WebhookSecret
from local.companies import Credential, check_company, read_companies
from local.connections import companies_in, require_connection, with_connection
from local.deployed import DeployedError, StackSecret
from local.proofs import Providers
from local.signals import interruptible
from local.verify import Verification

WEBHOOK_SECRETS = 2
"""Number of webhook secrets to keep. During a rotation, Whop may sign with the old one or with the new one."""

GENERATED = "events"
"""The secret whose value is generated. CloudFormation generates the first one."""
NAMES = (*SECRETS, GENERATED)

USAGE = (
    f"make secret NAME={'|'.join(NAMES)} STACK=aichats-dev"
    " [COMPANY=biz_... [CONNECTION=name] | COMPANIES=file [REPLACE=1]] [VERIFY=0]"
)
EPILOG = (
    f"NAME=webhook adds a secret each time, and the {WEBHOOK_SECRETS} newest are valid. "
    "So after a rotation in Whop, add the new secret: the old one stays valid until you add the next. "
    "Whop and Kodey must accept a key before it is stored. VERIFY=0 skips this. "
    "CONNECTION lets the company use a connection of `make login` instead of a key. "
    "COMPANIES stores the keys of many companies at once, from a file or (-) from standard input: a JSON object, or "
    "lines of `biz_...,key` or `biz_...,connection:name`. Keys of other companies stay, unless you add REPLACE=1. A "
    "secret has at most 64 KB, which is about 600 companies, and accepts about 100 writes a day. "
    "NAME=events asks for nothing: it stores a random key if the secret has none. With REPLACE=1 it replaces the key, "
    "which changes the secrets of all subscriptions."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask for the value and store it. Return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    try:
        secret = StackSecret.find(options.stack, options.name)
        if options.name == GENERATED:
            _generate(secret, options)
        elif options.companies:
            _fill_companies(secret, read_companies(options.companies), options)
        elif options.connection is not None:
            require_connection(secret, options.connection, options.stack)
            secret.change(lambda value: with_connection(value, options.company, options.connection))
        else:
            _fill(secret, SECRETS[options.name].model, options)
    except DeployedError as error:
        print(f"secret: {error}", file=sys.stderr)
        return 1
    print(f"Stored {secret.name}. Functions use it within 5 minutes, or as soon as the old value is rejected.")
    return 0


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options that need no stack."""
    if options.name not in NAMES:
        parser.error(f"NAME must be one of {', '.join(NAMES)}, not {options.name!r}. For callers, use `make caller`")
    has_companies = options.name != GENERATED and "companies" in SECRETS[options.name].model.model_fields
    if (options.company or options.companies) and not has_companies:
        parser.error(f"{options.name} has one key for all companies. Leave COMPANY and COMPANIES out")
    if options.companies == "":
        parser.error("COMPANIES must be a file, or - for standard input")
    check_company(parser, options.company)
    if options.connection is not None and not options.company:
        parser.error("CONNECTION needs COMPANY. To connect an account for all companies, use `make login`")
    if options.replace and not options.companies and options.name != GENERATED:
        parser.error("REPLACE needs COMPANIES")


def _fill(secret: StackSecret, model: type[BaseModel], options: argparse.Namespace) -> None:
    """Ask for one key and store it."""
    owner = f" of {options.company}" if options.company else ""
    key = _ask(f"{SECRETS[options.name].prompt}{owner} for {secret.name}: ")
    if model is WebhookSecret:
        secret.change(lambda value: with_webhook_secret(value, key))
    else:
        _check_key(model, key)  # A malformed key is not sent to the provider.
        if options.verify:
            Verification(options.stack, Providers.find(options.stack)).require(options.name, key)
        _require_usable(secret, model, secret.change(lambda value: _with_key(value, key, options.company)), options)


def _generate(secret: StackSecret, options: argparse.Namespace) -> None:
    """Store a random signing key.

    Raises:
        DeployedError: functions can use the key that is there, and it is not to be replaced.
    """

    def with_signing_key(value: dict[str, Any]) -> dict[str, Any]:
        if not options.replace and _is_usable(secret.name, value):
            raise DeployedError(
                f"{secret.name} has a key. With another key, receivers reject deliveries until they have their new "
                "secrets. To replace it anyway, add REPLACE=1"
            )
        return value | {"signing_key": new_signing_key()}

    secret.change(with_signing_key)
    print("After 5 minutes, rotate each subscription (POST /subscriptions/{name}/rotate): all secrets have changed.")


def _is_usable(name: str, value: dict[str, Any]) -> bool:
    try:
        SIGNING_KEY.parse(name, value)
    except SecretError:
        return False
    return True


def _fill_companies(secret: StackSecret, keys: Mapping[str, Credential], options: argparse.Namespace) -> None:
    """Store the keys of many companies, and print how many changed."""
    for name in sorted({key["connection"] for key in keys.values() if isinstance(key, dict)}):
        require_connection(secret, name, options.stack)
    own = {company: key for company, key in keys.items() if isinstance(key, str)}
    if own and options.verify:
        Verification(options.stack, Providers.find(options.stack)).require_all(own)
    before: dict[str, object] = {}

    def with_companies(value: dict[str, object]) -> dict[str, object]:
        before.clear()
        before.update(companies_in(value))
        return value | {"companies": dict(keys) if options.replace else before | dict(keys)}

    after = companies_in(secret.change(with_companies))
    added, removed = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    changed = sum(before[company] != after[company] for company in before.keys() & after.keys())
    print(f"{len(after)} companies: {added} added, {changed} changed, {removed} removed")


def _check_key(model: type[BaseModel], key: str) -> None:
    try:
        model.model_validate({"api_key": key})
    except ValidationError:
        raise DeployedError("a key must be 1 to 4096 printable characters without spaces") from None


def _with_key(value: dict[str, object], key: str, company: str | None) -> dict[str, object]:
    """Return the secret with the key added. The other keys stay, even if a person has broken one by hand."""
    return value | ({"companies": companies_in(value) | {company: key}} if company else {"api_key": key})


def _require_usable(
    secret: StackSecret, model: type[BaseModel], value: dict[str, Any], options: argparse.Namespace
) -> None:
    """Check that functions can use the secret, now that the key is stored.

    Raises:
        DeployedError: other entries are malformed.
    """
    try:
        parse_secret(model, secret.name, value)
    except SecretError as error:
        command = f"make secret NAME={options.name} STACK={options.stack}"
        problem = f"the key is stored, but functions can't use the secret yet, because it {error.problem}"
        remedy = f"For api_key, type: {command}. For the entry of a company, type: {command} COMPANY=biz_..."
        raise DeployedError(f"{problem}. {remedy}") from None


def with_webhook_secret(value: dict[str, object], key: str) -> dict[str, object]:
    """Return the secret with this webhook secret first, and the newest of the others."""
    if not re.fullmatch(r"ws_[\x21-\x7e]{1,4093}", key):
        raise DeployedError("a webhook secret must start with ws_. Copy it from the webhook's page in Whop")
    secrets = value.get("secrets")
    others = [known for known in secrets if known != key] if isinstance(secrets, list) else []
    return value | {"secrets": [key, *others][:WEBHOOK_SECRETS]}


def _ask(prompt: str) -> str:
    """Return what is typed or piped in; an empty text at the end of the input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    try:
        return getpass.getpass(prompt).strip()
    except EOFError:
        print(file=sys.stderr)
        return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make secret", usage=USAGE, description=__doc__, epilog=EPILOG)
    parser.add_argument("--stack", required=True, help="name of the deployed stack, such as aichats-dev (STACK=)")
    parser.add_argument("--name", required=True, help=f"which secret: {', '.join(NAMES)} (NAME=)")
    parser.add_argument("--company", help="company (biz_...) that gets a key of its own (COMPANY=)")
    parser.add_argument("--connection", help="connection that the company uses instead of a key (CONNECTION=)")
    parser.add_argument("--companies", help="file with the keys of many companies, or - (COMPANIES=)")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="remove companies that are not in the file, or replace the key of NAME=events (REPLACE=1)",
    )
    parser.add_argument(
        "--no-verify", dest="verify", action="store_false", help="store keys without asking the provider (VERIFY=0)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(interruptible(main))
