"""What may go wrong round the service, row by row, and which tests do it.

A test says `@fault_row(NUMBER, injected="…", seen="…")`: what it does to the service, and what it then asserts. A run
with PORTCULLIS_FAULTS=FILE writes there what each of them came to; `deploy/faults` makes the table of SECURITY.md of it.
"""
import ast
import collections
import json
import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Where tests of the matrix may be.
SUITES = ("Acceptance", "Systemd", "Emulated")
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"

ROWS = {
    1: "the gateway is killed",
    2: "it aborts",
    3: "its event loop hangs",
    4: "one of its children stands still",
    5: "it is stopped amid answers",
    6: "it is stopped amid an answer without end",
    7: "a reload finds bad files",
    8: "reloads come in a flood",
    9: "a certificate is out of its time",
    10: "the CLI is away, of no use, or replaced",
    11: "the CLI dies",
    12: "the CLI writes what is no answer",
    13: "the CLI will not go",
    14: "the CLI never reads",
    15: "no process can be started",
    16: "descriptors run out",
    17: "a child is killed for its memory",
    18: "memory is short",
    19: "the disk is full",
    20: "the state cannot be written, is locked or damaged",
    21: "nobody reads the log",
    22: "the clock jumps",
    23: "the gateway is stopped for a while",
    24: "names are not resolved",
    25: "the vendor refuses, hangs, breaks off, raves",
    26: "a client reads nothing",
    27: "a client vanishes",
    28: "thousands of idle connections",
    29: "ten thousand requests at once",
    30: "one key floods",
    31: "inherited sockets are not what they should be",
    32: "the service manager is away, or has an abstract name",
    33: "a credential is missing or loose",
    34: "sockets stored with the service manager are stale",
    35: "the kernel builds no walls, or half of them",
    36: "the port is in use",
}

Declared = collections.namedtuple("Declared", "row test injected seen")


def fault_row(row, *, injected, seen):
    """Marks a test of the matrix: what it does, and what it asserts."""
    assert row in ROWS and injected and seen
    return pytest.mark.fault_row(row, injected, seen)


# What is declared, and the table of it


def declared(root=ROOT):
    """All that tests declare, in the order of the rows, read from their text."""
    found = []
    for suite in SUITES:
        for path in sorted((root / "Tests" / suite).glob("test_*.py")):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    name = f"{suite}/{path.name}::{node.name}"
                    found += [each for each in map(lambda mark: declaration(mark, name), node.decorator_list) if each]
    # Those of one row stay as they stand in the files.
    return sorted(found, key=lambda each: each.row)


def declaration(mark, name):
    if not isinstance(mark, ast.Call) or getattr(mark.func, "id", None) != "fault_row":
        return None
    words = {keyword.arg: ast.literal_eval(keyword.value) for keyword in mark.keywords}
    return Declared(ast.literal_eval(mark.args[0]), name, words["injected"], words["seen"])


def table(entries):
    """The lines between the two marks of SECURITY.md."""
    lines = ["| # | what goes wrong | injected | seen | test |", "|---|---|---|---|---|"]
    for row, fault in ROWS.items():
        of_row = [each for each in entries if each.row == row]
        if not of_row:
            lines.append(f"| {row} | {fault} | not automated | | |")
        for number, each in enumerate(of_row):
            first = (str(row), fault) if number == 0 else ("", "")
            test = f"`{each.test.replace('::', '` `')}`"
            lines.append(f"| {' | '.join((*first, each.injected, each.seen, test))} |")
    return lines


def table_in(text):
    """The lines that stand between the two marks."""
    return text.split(BEGIN + "\n", 1)[1].split("\n" + END, 1)[0].splitlines()


def with_table(text, lines):
    before, rest = text.split(BEGIN, 1)
    return before + "\n".join([BEGIN, *lines, END]) + rest.split(END, 1)[1]


# What a run has seen


@pytest.fixture
def measured(request):
    """Keeps figures of a test for the record: `measured(growth_bytes=4096)`."""
    return lambda **figures: request.node.user_properties.append(("measured", figures))


def pytest_configure(config):
    config.addinivalue_line("markers", "fault_row(row, injected, seen): a row of the fault matrix that the test proves")
    if os.environ.get("PORTCULLIS_FAULTS") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(os.environ["PORTCULLIS_FAULTS"]))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    suite = pathlib.Path(item.fspath).parent.name
    for mark in item.iter_markers("fault_row"):
        test = f"{suite}/{pathlib.Path(item.fspath).name}::{item.originalname}"
        item.user_properties.append(("fault_row", [*mark.args, test]))


class Recorder:
    """Writes what became of the matrix's tests, all cases of a test together."""

    def __init__(self, path):
        self.path, self.found = pathlib.Path(path), {}

    def pytest_runtest_logreport(self, report):
        marks = [value for name, value in report.user_properties if name == "fault_row"]
        for row, injected, seen, test in marks:
            entry = self.found.setdefault((row, test), {
                "row": row, "fault": ROWS[row], "test": test, "injected": injected, "seen": seen, "cases": 0,
                "outcomes": [], "measured": []})
            if report.when == "call" or report.outcome != "passed":
                entry["cases"] += 1
                entry["outcomes"] = sorted({*entry["outcomes"], report.outcome})
                entry["measured"] += [value for name, value in report.user_properties if name == "measured"]

    def pytest_sessionfinish(self):
        entries = [self.found[key] for key in sorted(self.found)]
        self.path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
