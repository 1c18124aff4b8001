"""The NumPy environment, for all that is compared with it."""

import importlib
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def numpy_env():
    """The module, which is not part of the package."""
    folder = str(Path(__file__).parents[2] / "experiments" / "benchmarks")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("numpy_env")
    finally:
        sys.path.remove(folder)
