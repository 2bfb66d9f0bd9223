"""Node.js runs the receiver of the page about receiving events."""

import base64
import json
import os
import shutil

import pytest

from tests.support.commands import run_command
from tests.support.receivers_of_docs import DELIVERIES, SECRET, code_of, delivery

CALL = """
const input = JSON.parse(require("node:fs").readFileSync(0));
console.log(JSON.stringify(receive(Buffer.from(input.body, "base64"), input.headers)));
"""


@pytest.mark.parametrize("name", DELIVERIES)
def test_the_receiver_of_the_page_accepts_genuine_deliveries_only(name: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    body, headers, event = delivery(name)
    given = json.dumps({"body": base64.b64encode(body).decode(), "headers": headers})

    done = run_command(node, "-e", code_of("js") + CALL, input=given, env=os.environ | {"SECRET": SECRET}, check=True)

    assert json.loads(done.stdout) == event
