"""``python -m local.standins.receiver``: serve the mock receiver."""

import sys

from local.standins.receiver.app import create_app
from local.standins.shared.command import Command, main

DESCRIPTION = """\
A mock receiver of webhooks for this machine. It keeps all data in memory.

A POST to any path is a delivery. The last 1000 are on the page / and in the state. A delivery whose webhook-id
came before at the same path is marked as a duplicate. To let the receiver check signatures, send it the secrets.

GET  /_control/state    {"received": [...], "requests": [...]}
POST /_control/reset    forget all deliveries, secrets, requests and faults, and reset the mode and the clock
POST /_control/secrets  {"secrets": ["whsec_..."]} replaces the secrets of the subscriptions
POST /_control/mode     any of {"status": 200, "latency": 0.0, "redirect": null}
POST /_control/faults   [{"method": "POST", "path": "/*", "times": 1, "fault": "..."}]
                        adds faults; [] removes all; a path may end in /*; the faults:
                        status:CODE drop_before drop_after error_after delay:SECONDS late:SECONDS malformed
POST /_control/clock    {"advance": SECONDS} moves the clock of this server ahead; a reset sets it right
"""

if __name__ == "__main__":
    sys.exit(main(Command("local.standins.receiver", DESCRIPTION, path="/", port=8003, create_app=create_app)))
