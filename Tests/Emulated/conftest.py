import contextlib
import shutil
import subprocess

import pytest

from disk import kernel, make_disk, make_first_stage
from emulator import Emulator
from harness import ROOT
from programs import certificates, claude, packages, standin
from server import Server

__all__ = ["certificates", "claude", "packages", "standin"]
pytest_plugins = ["fault_matrix"]


@pytest.fixture(scope="session")
def probe(tmp_path_factory):
    """The program that tries walls, without libraries: the machine has its own."""
    program = tmp_path_factory.mktemp("probe") / "wall_probe"
    compiler = shutil.which("clang") or shutil.which("cc")
    source = ROOT / "Tests/Acceptance/wall_probe.c"
    subprocess.run([compiler, "-O1", "-static", "-o", program, source, "-lpthread"], check=True)
    return program


@pytest.fixture(scope="session")
def boot(tmp_path_factory, packages, standin, probe, claude, request):
    """Boots a machine with more words for its kernel, on a disk as the package leaves it, with both CLIs.

    The machine before ends with that: one takes memory enough.
    """
    folder = tmp_path_factory.mktemp("emulated")
    archive, disk = folder / "first", folder / "disk"
    make_first_stage(folder / "first-stage", archive)
    make_disk(folder / "files", packages[0], claude, [standin, probe], disk)

    @contextlib.contextmanager
    def boot(words=""):
        if before := request.config.stash.get(RUNNING, None):
            before.close()
        machine = Emulator(tmp_path_factory.mktemp("machine"), kernel(), archive, disk, words)
        request.config.stash[RUNNING] = machine
        try:
            yield machine
        finally:
            machine.close()

    yield boot
    disk.unlink()


@pytest.fixture(scope="session")
def machine(boot):
    """The machine whose kernel is as Debian sets it."""
    with boot() as booted:
        yield booted


@pytest.fixture(scope="session")
def server(machine, certificates):
    return Server(machine, certificates)


RUNNING = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """A failure is shown with the end of the machine's console."""
    report = yield
    if report.failed and RUNNING in item.config.stash:
        report.sections.append(("console of the machine", item.config.stash[RUNNING].said()))
    return report
