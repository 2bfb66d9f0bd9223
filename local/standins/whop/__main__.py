"""``python -m local.standins.whop``: serve the mock of Whop."""

import sys

from local.standins.shared.command import Command, main
from local.standins.whop.app import create_app

DESCRIPTION = """\
A mock of Whop's API for AI chats, files and webhooks on this machine. It keeps all data in memory.

Any bearer token is accepted. Tokens that start with "oauth_" are a user's OAuth tokens. All others
are API keys, which can't write while the mode api_keys is "forbidden". A token that this server
issued expires after an hour and is limited to its scopes and its company. While the mode
oauth_tokens is "issued", all other tokens that start with "oauth_" are rejected.

OAuth is at /oauth/authorize, token, userinfo and revoke. Any app_... may use it, with any port and
path of localhost as its redirect URI.

Only the credential that created a file may read and attach it. Of a file's content, this server
keeps the size and the SHA-256. A chat may also have attachments that this server doesn't know,
unless the mode files is "uploaded".

GET  /_control/state    {"chats": [...], "files": [...], "oauth": [...], "webhooks": [...],
                        "requests": [...]}
POST /_control/reset    delete all data, requests and faults, and reset the mode and the clock
POST /_control/mode     any of {"idempotency": "honoured" | "ignored", "api_keys": "allowed" | "forbidden",
                        "oauth_tokens": "any" | "issued", "rate_limit": 600, "latency": 0.0,
                        "list": "newest" | "oldest" | "shuffled", "list_lag": 0.0,
                        "files": "any" | "uploaded", "file_seconds": 0.0, "file_result": "ready" | "failed"}
POST /_control/faults   [{"method": "POST", "path": "/api/v1/ai_chats", "times": 1, "fault": "..."}]
                        adds faults; [] removes all; a path may end in /*; the faults:
                        status:CODE drop_before drop_after error_after delay:SECONDS late:SECONDS malformed
POST /_control/clock    {"advance": SECONDS} moves the clock of this server ahead; a reset sets it right
"""

if __name__ == "__main__":
    mode = {"api_keys": ("allowed", "forbidden")}
    sys.exit(main(Command("local.standins.whop", DESCRIPTION, "/api/v1", 8001, create_app, mode)))
