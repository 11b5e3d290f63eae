"""Finding a key does the same work whichever it is, and however near a wrong one comes.

Time is not measured here, since it depends on what else the machine does: instructions and memory accesses of the
machine code are counted and followed by valgrind, and a control that tells must be seen to tell. `deploy/bench`
measures the time.
"""
import pathlib
import re
import shutil
import struct
import subprocess

import pytest

from harness import ROOT

pytestmark = pytest.mark.core

LOOK_UP = "portcullis_key_place"
CONTROL = "stops_early"
EVENTS = ["Ir", "Dr", "Dw", "Bc", "Bi"]


@pytest.fixture(scope="module")
def object_file(portcullis):
    """What the compiler made of the look-up for the program that is tested."""
    path = portcullis.resolve().parent / "CKeys.build/CKeys.c.o"
    assert path.exists(), f"{path} is missing: PORTCULLIS_BIN must be in the folder it was built in"
    return path


@pytest.fixture(scope="module")
def harness(object_file, tmp_path_factory):
    """A program that calls the look-up, with that very object file in it."""
    beside_swift = pathlib.Path(shutil.which("swift")).resolve().parent / "clang"
    program = tmp_path_factory.mktemp("lookup") / "key_lookup"
    subprocess.run(
        [beside_swift if beside_swift.exists() else "cc", "-O1", f"-I{ROOT / 'Sources/CKeys/include'}", "-o",
         program, ROOT / "Tests/Acceptance/key_lookup.c", object_file], check=True)
    return program


def machine_code(path):
    """The contents of all sections of an ELF file of 64 bits that are executed."""
    data = path.read_bytes()
    assert data[:5] == b"\x7fELF\x02"
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    for index in range(count):
        _, kind, flags, _, offset, length = struct.unpack_from("<IIQQQQ", data, table + index * size)
        if kind == 1 and flags & 4 and length:
            yield data[offset:offset + length]


def test_the_program_holds_the_machine_code_that_is_watched(portcullis, object_file):
    sections = list(machine_code(object_file))
    assert sections and all(len(code) > 40 for code in sections)
    program = portcullis.read_bytes()
    assert all(code in program for code in sections)


def watch_unknown(harness, subject):
    """valgrind's complaints about a branch or an address that depends on a digest."""
    done = subprocess.run(
        ["valgrind", "--tool=memcheck", "--error-exitcode=99", harness, "unknown", subject],
        capture_output=True, text=True)
    return done.returncode, done.stderr


def test_no_branch_and_no_address_depends_on_a_digest(harness):
    status, complaints = watch_unknown(harness, "control")
    assert status == 99 and f": {CONTROL} (" in complaints, f"the control was not seen: {complaints}"
    assert "jump or move depends on uninitialised value" in complaints
    status, complaints = watch_unknown(harness, "look-up")
    assert status == 0 and "ERROR SUMMARY: 0 errors" in complaints, complaints


def count_events(harness, folder, subject, function):
    """What each call costs, by the class of its input."""
    folder.mkdir()
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--branch-sim=yes", "--cache-sim=yes", f"--toggle-collect={function}",
         f"--dump-after={function}", f"--callgrind-out-file={folder}/calls", harness, "known", subject],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    classes = done.stdout.splitlines()
    costs = {}
    for number, name in enumerate(classes, start=1):
        text = (folder / f"calls.{number}").read_text()
        names = re.search("^events: (.*)$", text, re.M)[1].split()
        totals = re.search("^totals: (.*)$", text, re.M)[1].split()
        values = dict(zip(names, map(int, totals)))
        costs[name] = tuple(values.get(event, 0) for event in EVENTS)
    assert len(costs) == len(classes) == 16 + 64 + 8
    return costs


def test_every_digest_costs_the_same_instructions_branches_and_accesses(harness, tmp_path):
    control = count_events(harness, tmp_path / "control", "control", CONTROL)
    assert control["key 0"] < control["key 15"] and control["near 0"] < control["near 31"], "the control was not seen"
    costs = count_events(harness, tmp_path / "look-up", "look-up", LOOK_UP)
    assert min(costs.values())[0] > 100, "nothing was counted"
    assert len(set(costs.values())) == 1, costs
