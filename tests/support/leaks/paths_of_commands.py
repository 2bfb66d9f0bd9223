"""The paths of the commands for deployed stacks."""

from tests.support.leaks.bench import SCOPES, LeakBench
from tests.support.leaks.echoing import Rejection
from tests.support.leaks.kinds import API_KEY, COMPANY_KEY, KODEY_KEY, TOKEN, WEBHOOK_SECRET

TOKEN_CALL, USERINFO_CALL, REVOKE_CALL = "POST /oauth/token", "GET /oauth/userinfo", "POST /oauth/revoke"


def store_secrets(bench: LeakBench) -> None:
    """Store the keys with ``aichats admin secret set``, after inputs that it rejects."""
    canaries = bench.canaries
    key, company_key, other_key = (canaries.token(kind) for kind in (API_KEY, COMPANY_KEY, COMPANY_KEY))
    secret = "secret set"
    bench.whop.reject(*[Rejection("GET /", 401, form) for form in ("plain", "base64", "parts")])
    for _ in range(3):
        bench.command(secret, "whop", text=f"{key}\n", expect=1)
    bench.kodey.reject(Rejection("GET /", 403))
    bench.command(secret, "kodey", text=canaries.token(KODEY_KEY, "sk_live_") + "\n", expect=1)
    bench.command(secret, "whop", text=f"{key} {key}\n", expect=1)
    bench.command(secret, "whop", text=f"{key}\n")
    bench.command(secret, "whop", "--company", "biz_Own", text=f"{company_key}\n")
    bench.command(secret, "whop", "--companies", "-", text=f"biz_Other;{other_key}\n", expect=1)
    bench.command(secret, "whop", "--companies", "-", text=f'{{"biz_Other": ["{other_key}"]}}', expect=1)
    bench.command(secret, "whop", "--companies", "-", text=f"biz_Other,{other_key}\n")
    bench.command(secret, "kodey", text=canaries.token(KODEY_KEY, "sk_live_") + "\n")
    webhook_secret = canaries.token(WEBHOOK_SECRET, "ws_")
    bench.command(secret, "webhook", text=f"{webhook_secret[3:]}\n", expect=1)
    bench.command(secret, "webhook", text=f"{webhook_secret}\n")


def create_callers(bench: LeakBench) -> None:
    """Create API clients with ``aichats admin callers``, which shows each token once."""
    for name, scopes in SCOPES.items():
        printed = bench.command("callers add", name, "--scopes", ",".join(scopes))
        bench.tokens[name] = bench.canaries.add(TOKEN, printed.strip())
    bench.command("callers add", "all", "--scopes", "chats:read", expect=1)
    bench.tokens["all"] = bench.canaries.add(TOKEN, bench.command("callers rotate", "all").strip())
    bench.command("callers revoke", "local", "--yes")
    bench.command("callers list")


def log_in(bench: LeakBench) -> None:
    """Connect Whop accounts with ``aichats admin connect``, after logins that fail at each step."""
    bench.login("--connection", "shop", decision="deny", expect=1)
    for form in ("parts", "base64"):
        bench.whop.reject(Rejection(TOKEN_CALL, 400, form))
        bench.login("--connection", "shop", expect=1)
    bench.whop.reject(Rejection(TOKEN_CALL, 200, body=lambda echo: echo))
    bench.login("--connection", "shop", expect=1)
    bench.whop.reject(Rejection(USERINFO_CALL, 401))
    bench.login("--connection", "shop", expect=1)
    bench.login("--connection", "shop")
    bench.login("--connection", "shop")
    bench.command("secret set", "whop", "--company", "biz_Shop", "--connection", "shop")


def log_out(bench: LeakBench) -> None:
    """Disconnect the account with ``aichats admin disconnect``, after Whop rejected that."""
    bench.whop.reject(Rejection(REVOKE_CALL, 400))
    bench.command("disconnect", "--yes", "--connection", "shop", expect=1)
    bench.command("disconnect", "--yes", "--connection", "shop")


def register_webhook(bench: LeakBench) -> None:
    """Register the webhook with ``aichats admin webhook``, after Whop rejected that. Its secret comes from Whop."""
    for rejection in (Rejection("GET /api/v1/webhooks", 403), Rejection("POST /api/v1/webhooks", 422)):
        bench.whop.reject(rejection)
        bench.command("webhook", expect=1)
    bench.whop.reject(Rejection("POST /api/v1/webhooks", 200, body=str))
    bench.command("webhook", expect=1)
    bench.command("webhook")
    bench.command("webhook", "--replace")
    bench.command("webhook", "--replay", "2h")


def examine(bench: LeakBench) -> None:
    """Look at the stack with ``aichats admin doctor``, which finds problems after all that happened."""
    bench.command("doctor", expect=1)


def retry_dead_letters(bench: LeakBench) -> None:
    """Retry the dead letters with ``aichats admin redrive``."""
    bench.command("redrive")
