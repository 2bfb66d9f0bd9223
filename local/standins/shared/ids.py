"""Opaque ids."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """An id that was never given before: ``aich_`` makes ``aich_x3Kd81mQ0aZpe``."""
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(13))
