"""The files in ``events/``."""

import base64
import json
from pathlib import Path

from tests.support.fakes import Json
from tests.support.lambda_calls import EVENTS


def named(folder: str) -> dict[str, Path]:
    return {file.stem: file for file in sorted((EVENTS / folder).glob("*.json"))}


def load(file: Path) -> Json:
    event: Json = json.loads(file.read_text())
    return event


def body_of(event: Json) -> bytes:
    body: str = event.get("body", "")
    return base64.b64decode(body, validate=True) if event["isBase64Encoded"] else body.encode()
