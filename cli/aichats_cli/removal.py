"""Deletes objects of the API that have names, and says which are gone."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aichats_cli.session import Session


def delete_named(
    session: Session, found: Sequence[Mapping[str, Any]], path_to: Callable[[str], str], *, done: str
) -> None:
    """Delete objects one after the other, and print those that are gone, even if a later one fails.

    An object that is gone meanwhile, for example because an answer was lost, counts as deleted.

    Args:
        session: the session of the command.
        found: the objects.
        path_to: returns the path to an object of this name.
        done: the verb for what was done, such as ``deleted``.

    Raises:
        CommandError: the API rejected a request, or can't be reached.
    """
    from aichats_cli.api import ApiError

    gone: list[Mapping[str, Any]] = []
    try:
        for each in found:
            try:
                session.api.call("DELETE", path_to(each["name"]))
            except ApiError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
            gone.append(each)
    finally:  # An error says nothing of those before it.
        session.output.items(gone, {done: lambda each: each["name"]}, empty=f"nothing was {done}")
