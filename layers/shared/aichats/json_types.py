"""The types of decoded JSON, and a limit of the JSON that is read without models."""

from collections.abc import Mapping
from typing import Any

type Json = Mapping[str, Any]
"""A JSON object."""
type JsonObject = dict[str, Any]
"""A JSON object that may be changed."""

CERTAIN_LEVELS = 150
"""The number of objects and lists up to which JSON certainly has not too many levels for a model."""
