"""``python -m local.standins.kodey``: serve the stand-in of Kodey."""

import sys

from local.standins.kodey.app import create_app
from local.standins.shared.command import Command, main

DESCRIPTION = """\
A stand-in of Kodey's chats API, for this machine alone. All is kept in memory.

Any x-api-key is taken. Keys that begin with "pk_live_" are publishable: 100 calls a minute, and no
list of agents. All others are secret: 1000 calls a minute. Any agent is taken, but those whose ids
begin with "missing" are not found. An agent's type is its id without "agent_".

A message is stored when its call is done, and its answer after answer_seconds more, also if nobody
waits for it any longer: late:0 cuts the connection in between.

GET  /_control/state    {"chats": [...], "requests": [...]}
POST /_control/reset    forget all: chats, requests, mode and faults
POST /_control/mode     any of {"rate_limit": null, "latency": 0.0, "list": "newest" | "oldest" | "shuffled",
                        "list_lag": 0.0, "answer_seconds": 0.0}; lists are those of chats and of messages
POST /_control/faults   [{"method": "POST", "path": "/chat", "times": 1, "fault": "..."}]
                        added to those that are left, [] takes back all; a path may end in /*; the faults:
                        status:CODE drop_before drop_after error_after delay:SECONDS late:SECONDS malformed
"""

if __name__ == "__main__":
    sys.exit(main(Command("local.standins.kodey", DESCRIPTION, path="", port=8002, create_app=create_app)))
