"""AWS as the commands use it: your account, or the local AWS of `aichats dev`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import boto3


@dataclass(frozen=True)
class Aws:
    """An account and region of AWS. A value of ``None`` is that of the AWS configuration of this machine."""

    region_name: str | None = None
    endpoint_url: str | None = None
    aws_access_key_id: str | None = None
    aws_secret_access_key: str | None = field(default=None, repr=False)

    def client(self, service: str, **options: Any) -> Any:
        """Return a client for a service. The options are those of `boto3.client`.

        Raises:
            BotoCoreError: no region is set, or the profile of the AWS configuration doesn't exist.
        """
        create: Any = boto3.client
        return create(service, **{name: value for name, value in asdict(self).items() if value is not None}, **options)


ACCOUNT = Aws()
"""The account and region of the AWS configuration."""
