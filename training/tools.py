"""The tools that a training can be followed in; needs no torch, so that a mistake is told at once."""

from collections.abc import Iterable
from enum import StrEnum
from importlib.util import find_spec

from training.errors import TrackingUnavailable


class Tool(StrEnum):
    """What ``--track`` names; the package has the same name."""

    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"


def require_installed(tools: Iterable[Tool]) -> None:
    """Raise TrackingUnavailable, which says what to install, where one of the tools is missing."""
    missing = [tool for tool in tools if find_spec(tool) is None]
    if missing:
        raise TrackingUnavailable(
            f"--track {missing[0]} needs a package of that name: make tracking, or pip install --editable '.[tracking]'"
        )
