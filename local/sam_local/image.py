"""The Docker engine, and the image that SAM CLI runs the functions in."""

from __future__ import annotations

import os
import platform
import subprocess
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.setup import ROOT

if TYPE_CHECKING:
    from local.console import Console

IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
"""AWS publishes it; `local/lambda-image` builds a stand-in of it."""
PULL_LIMIT = 600
"""Seconds for fetching the image, 200 MB. Where the registry is out of reach, Docker gives up much earlier."""
NO_ENGINE = "start Docker Desktop, or Docker Engine (sudo systemctl start docker), then run this again"
NO_IMAGE = "let Docker reach public.ecr.aws; or build a stand-in of it, on Linux x86_64: sudo local/lambda-image"


def provide_engine() -> None:
    """See to it that a Docker engine answers.

    Raises:
        LocalError: there is none, and none can be started here.
    """
    engine = docker("version")
    if engine.returncode == 0:
        return
    if not can_build_image():
        reason = engine.stderr.strip().splitlines()[-1:] or ["docker version failed"]
        raise LocalError(f"no Docker engine answers ({reason[0]}): {NO_ENGINE}")
    lambda_image("--engine")


def provide_image(console: Console) -> None:
    """See to it that the engine has the image: AWS's own if it can be fetched, else a stand-in.

    Raises:
        LocalError: neither can be had here.
    """
    if docker("image", "inspect", IMAGE).returncode == 0:
        return
    console.line(f"fetching {IMAGE}")
    if docker("pull", "--platform", "linux/amd64", IMAGE, limit=PULL_LIMIT, show=True).returncode == 0:
        return
    if not can_build_image():
        raise LocalError(f"the image could not be fetched: {NO_IMAGE}")
    lambda_image()


def docker(*arguments: str, limit: float = 30, show: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Docker's command line. One that is missing, or takes longer than ``limit`` seconds, counts as failed."""
    command = ["docker", *arguments]
    try:
        return subprocess.run(command, capture_output=not show, text=True, check=False, timeout=limit)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, stdout="", stderr=str(error))


def can_build_image() -> bool:
    """Whether `local/lambda-image` runs here."""
    return (platform.system(), platform.machine(), os.geteuid()) == ("Linux", "x86_64", 0)


def lambda_image(*arguments: str) -> None:
    """Run `local/lambda-image`.

    Raises:
        LocalError: it failed.
    """
    if subprocess.run([ROOT / "local" / "lambda-image", *arguments], check=False).returncode:
        raise LocalError("local/lambda-image failed; what it said is above")
