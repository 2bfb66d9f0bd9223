"""The types of decoded JSON."""

from collections.abc import Mapping
from typing import Any

type Json = Mapping[str, Any]
"""A JSON object."""
type JsonObject = dict[str, Any]
"""A JSON object that may be changed."""
