"""``python -m local.standins.kodey``: serve the mock of Kodey."""

import sys

from local.standins.kodey.app import create_app
from local.standins.shared.command import Command, main

DESCRIPTION = """\
A mock of Kodey's chats API for this machine. It keeps all data in memory.

Any x-api-key is accepted. Keys that start with "pk_live_" are publishable: they may make 100 calls
a minute and can't list agents. All others are secret: they may make 1000 calls a minute. Any agent
exists, except those whose IDs start with "missing". An agent's type is its ID without "agent_".

A message is stored when its call is performed. Its answer is stored after answer_seconds more, even
if the client no longer waits: late:0 aborts the connection in between.

GET  /_control/state    {"chats": [...], "requests": [...]}
POST /_control/reset    delete all chats, requests and faults, and reset the mode and the clock
POST /_control/mode     any of {"rate_limit": null, "latency": 0.0, "list": "newest" | "oldest" | "shuffled",
                        "list_lag": 0.0, "answer_seconds": 0.0}; lists are those of chats and of messages
POST /_control/faults   [{"method": "POST", "path": "/chat", "times": 1, "fault": "..."}]
                        adds faults; [] removes all; a path may end in /*; the faults:
                        status:CODE drop_before drop_after error_after delay:SECONDS late:SECONDS malformed
POST /_control/clock    {"advance": SECONDS} moves the clock of this server ahead; a reset sets it right
"""

if __name__ == "__main__":
    sys.exit(main(Command("local.standins.kodey", DESCRIPTION, path="", port=8002, create_app=create_app)))
