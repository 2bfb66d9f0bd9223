"""`make secret`: fills a secret of a deployed stack. The value is typed without echo or piped in, never an argument."""

import argparse
import getpass
import re
import sys
from collections.abc import Sequence

from pydantic import BaseModel, TypeAdapter, ValidationError

from aichats.secrets import KodeySecret, WebhookSecret, WhopSecret
from aichats.whop.models import CompanyId
from local.deployed import DeployedError, StackSecret

SECRETS: dict[str, type[BaseModel]] = {"whop": WhopSecret, "kodey": KodeySecret, "webhook": WebhookSecret}
"""What each secret holds."""
PROMPTS = {"whop": "Whop API key", "kodey": "Kodey API key", "webhook": "Whop webhook secret (ws_...)"}
WEBHOOK_SECRETS = 2
"""How many secrets of webhooks are kept: during a rotation Whop may sign with the old one and with the new one."""

USAGE = f"make secret NAME={'|'.join(SECRETS)} STACK=aichats-dev [COMPANY=biz_...]"
EPILOG = (
    f"NAME=webhook: each time a secret is added, and the {WEBHOOK_SECRETS} newest count. "
    "So after a rotation at Whop, add the new one: the one before stays good until the next."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask for the value and store it. Returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.name not in SECRETS:
        parser.error(f"NAME must be one of {', '.join(SECRETS)}, not {options.name!r}; callers have `make caller`")
    model = SECRETS[options.name]
    if options.company and "companies" not in model.model_fields:
        parser.error(f"{options.name} has one key for all: leave COMPANY out")
    if options.company and not _is_company(options.company):
        parser.error(f"COMPANY must be a company's id as Whop shows it, such as biz_XXXXX, not {options.company!r}")
    try:
        secret = StackSecret.find(options.stack, options.name)
        value = secret.read()
        owner = f" of {options.company}" if options.company else ""
        key = _ask(f"{PROMPTS[options.name]}{owner} for {secret.name}: ")
        if model is WebhookSecret:
            secret.write(_with_webhook_secret(value, key))
        else:
            secret.write(_with_key(model, value, key, options.company))
    except DeployedError as error:
        print(f"secret: {error}", file=sys.stderr)
        return 1
    print(f"{secret.name} is filled. Running functions take it up within 5 minutes, or when the old value is refused.")
    return 0


def _is_company(text: str) -> bool:
    try:
        TypeAdapter(CompanyId).validate_python(text)
    except ValidationError:
        return False
    return True


def _with_key(model: type[BaseModel], value: dict[str, object], key: str, company: str | None) -> dict[str, object]:
    """The secret with the key in its place; the other keys stay."""
    companies = value.get("companies")
    known = dict(companies) if isinstance(companies, dict) else {}
    if company and "api_key" not in value:
        raise DeployedError("fill the key for all companies first: leave COMPANY out")
    changed = value | ({"companies": known | {company: key}} if company else {"api_key": key})
    try:
        model.model_validate(changed)
    except ValidationError:
        raise DeployedError("that is not a key: 1 to 4096 printable characters without spaces") from None
    return changed


def _with_webhook_secret(value: dict[str, object], key: str) -> dict[str, object]:
    """The secret with this one first, and the newest of the others."""
    if not re.fullmatch(r"ws_[\x21-\x7e]{1,4093}", key):
        raise DeployedError("that is not a webhook's secret: it begins with ws_, as Whop shows it for the webhook")
    secrets = value.get("secrets")
    others = [known for known in secrets if known != key] if isinstance(secrets, list) else []
    return value | {"secrets": [key, *others][:WEBHOOK_SECRETS]}


def _ask(prompt: str) -> str:
    return getpass.getpass(prompt).strip() if sys.stdin.isatty() else sys.stdin.readline().strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make secret", usage=USAGE, description=__doc__, epilog=EPILOG)
    parser.add_argument("--stack", required=True, help="the deployed stack, such as aichats-dev (STACK=)")
    parser.add_argument("--name", required=True, help=f"which secret: {', '.join(SECRETS)} (NAME=)")
    parser.add_argument("--company", help="a company (biz_...) that has a key of its own (COMPANY=)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
