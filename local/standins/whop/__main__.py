"""``python -m local.standins.whop``: serve the stand-in of Whop."""

import sys

from local.standins.shared.command import Command, main
from local.standins.whop.app import create_app

DESCRIPTION = """\
A stand-in of Whop's AI chats API, for this machine alone. All is kept in memory.

Any bearer token is taken. Tokens that begin with "oauth_" are a user's OAuth tokens, all others
are API keys, which may not write while the mode api_keys is "forbidden".

GET  /_control/state    {"chats": [...], "requests": [...]}
POST /_control/reset    forget all: chats, requests, mode and faults
POST /_control/mode     any of {"idempotency": "honoured" | "ignored", "api_keys": "allowed" | "forbidden",
                        "rate_limit": 600, "latency": 0.0, "list": "newest" | "oldest" | "shuffled", "list_lag": 0.0}
POST /_control/faults   [{"method": "POST", "path": "/api/v1/ai_chats", "times": 1, "fault": "..."}]
                        added to those that are left, [] takes back all; a path may end in /*; the faults:
                        status:CODE drop_before drop_after error_after delay:SECONDS late:SECONDS malformed
"""

if __name__ == "__main__":
    sys.exit(main(Command("local.standins.whop", DESCRIPTION, path="/api/v1", port=8001, create_app=create_app)))
