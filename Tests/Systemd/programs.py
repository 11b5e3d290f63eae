"""What is to be tried, as fixtures; deploy/test builds and names it."""

import os
import pathlib

import pytest

from certificates import make_certificate
from harness import ROOT


def executable(variable, default):
    path = pathlib.Path(os.environ.get(variable, default))
    if not os.access(path, os.X_OK):
        pytest.exit(f"{variable}: {path} is not an executable; run deploy/test", returncode=3)
    return path.resolve()


@pytest.fixture(scope="session")
def portcullis():
    return executable("PORTCULLIS_BIN", ROOT / ".build/release/portcullis")


@pytest.fixture(scope="session")
def standin():
    return executable("STANDIN_BIN", ROOT / ".build/release/claude-standin")


@pytest.fixture(scope="session")
def claude():
    """The vendor's own command line program."""
    return executable("CLAUDE_BIN", "claude")


@pytest.fixture(scope="session")
def packages():
    """The package and a newer one."""
    folder = os.environ.get("PACKAGES")
    assert folder, "PACKAGES names no folder; run deploy/test"
    return [next(pathlib.Path(folder, name).glob("*.deb")) for name in ("packages", "newer")]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificates"))
