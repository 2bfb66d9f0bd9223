"""Opaque IDs."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """Return a new ID with this prefix, such as ``aich_x3Kd81mQ0aZpe``."""
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(13))
