"""``python -m local.standins.whop``: serve the mock of Whop."""

import sys

from local.standins.shared.command import Command, main
from local.standins.whop.app import create_app

DESCRIPTION = """\
A mock of Whop's AI chats API for this machine. It keeps all data in memory.

Any bearer token is accepted. Tokens that start with "oauth_" are a user's OAuth tokens. All others
are API keys, which can't write while the mode api_keys is "forbidden".

GET  /_control/state    {"chats": [...], "requests": [...]}
POST /_control/reset    delete all chats, requests and faults, and reset the mode
POST /_control/mode     any of {"idempotency": "honoured" | "ignored", "api_keys": "allowed" | "forbidden",
                        "rate_limit": 600, "latency": 0.0, "list": "newest" | "oldest" | "shuffled", "list_lag": 0.0}
POST /_control/faults   [{"method": "POST", "path": "/api/v1/ai_chats", "times": 1, "fault": "..."}]
                        adds faults; [] removes all; a path may end in /*; the faults:
                        status:CODE drop_before drop_after error_after delay:SECONDS late:SECONDS malformed
"""

if __name__ == "__main__":
    sys.exit(main(Command("local.standins.whop", DESCRIPTION, path="/api/v1", port=8001, create_app=create_app)))
