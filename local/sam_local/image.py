"""The Docker engine, and the image of the containers in which SAM CLI runs the functions."""

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
"""AWS publishes this image, and `local/lambda-image` builds a replacement."""
PULL_LIMIT = 600
"""Seconds to download the image of 200 MB. If the registry can't be reached, Docker fails much earlier."""
NO_ENGINE = "start Docker Desktop, or Docker Engine (sudo systemctl start docker), then try again"
NO_IMAGE = "give Docker access to public.ecr.aws, or build a replacement on Linux x86_64: sudo local/lambda-image"


def provide_engine() -> None:
    """Start a Docker engine if none answers.

    Raises:
        LocalError: no engine answers, and this machine can't start one.
    """
    engine = docker("version")
    if engine.returncode == 0:
        return
    if not can_build_image():
        reason = engine.stderr.strip().splitlines()[-1:] or ["docker version failed"]
        raise LocalError(f"no Docker engine answers ({reason[0]}). To fix it, {NO_ENGINE}")
    lambda_image("--engine")


def provide_image(console: Console) -> None:
    """Provide the image to the engine: AWS's own if it can be downloaded, else a replacement.

    Raises:
        LocalError: neither is possible on this machine.
    """
    if docker("image", "inspect", IMAGE).returncode == 0:
        return
    console.line(f"downloading {IMAGE}")
    if docker("pull", "--platform", "linux/amd64", IMAGE, limit=PULL_LIMIT, show=True).returncode == 0:
        return
    if not can_build_image():
        raise LocalError(f"can't download the image. To fix it, {NO_IMAGE}")
    lambda_image()


def docker(*arguments: str, limit: float = 30, show: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Docker's command line. It fails if Docker is missing or takes longer than ``limit`` seconds."""
    command = ["docker", *arguments]
    try:
        return subprocess.run(command, capture_output=not show, text=True, check=False, timeout=limit)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, stdout="", stderr=str(error))


def can_build_image() -> bool:
    """Return whether `local/lambda-image` supports this machine and user."""
    return (platform.system(), platform.machine(), os.geteuid()) == ("Linux", "x86_64", 0)


def lambda_image(*arguments: str) -> None:
    """Run `local/lambda-image`.

    Raises:
        LocalError: the script failed.
    """
    if subprocess.run([ROOT / "local" / "lambda-image", *arguments], check=False).returncode:
        raise LocalError("local/lambda-image failed. See its output above")
