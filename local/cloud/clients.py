"""Typed clients for the local AWS."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# A repeated Invoke would run the function twice, so there are no retries. The longest function takes 120 s.
CONFIG = Config(retries={"total_max_attempts": 1}, read_timeout=150, max_pool_connections=64)


class Clients:
    """One client for each service, created at its first use. Several threads may use a client."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._endpoint = environment["AWS_ENDPOINT_URL"]

    @property
    def _session(self) -> boto3.Session:
        """New session for each client, because two threads must not create clients of one session at once."""
        return boto3.Session(
            self._environment["AWS_ACCESS_KEY_ID"],
            self._environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self._environment["AWS_REGION"],
        )

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """CloudFormation."""
        return self._session.client("cloudformation", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB."""
        return self._session.client("dynamodb", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def functions(self) -> LambdaClient:
        """Lambda."""
        return self._session.client("lambda", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch Logs."""
        return self._session.client("logs", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def queues(self) -> SQSClient:
        """SQS."""
        return self._session.client("sqs", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def s3(self) -> S3Client:
        """S3."""
        return self._session.client("s3", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def schedules(self) -> EventBridgeSchedulerClient:
        """EventBridge Scheduler."""
        return self._session.client("scheduler", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def secrets(self) -> SecretsManagerClient:
        """Secrets Manager."""
        return self._session.client("secretsmanager", endpoint_url=self._endpoint, config=CONFIG)
