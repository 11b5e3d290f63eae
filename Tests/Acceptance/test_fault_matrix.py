"""The fault table of SECURITY.md is what the tests declare, which is what they assert."""
import json
import subprocess
import sys

import pytest

from fault_matrix import ROOT, ROWS, declared, table, table_in

pytestmark = pytest.mark.core


def test_every_row_has_a_test():
    assert sorted(ROWS) == list(range(1, 37))
    assert {each.row for each in declared()} == set(ROWS)


def test_the_table_is_what_the_tests_declare():
    assert table_in((ROOT / "SECURITY.md").read_text()) == table(declared()), "run deploy/faults"


def test_what_stands_in_the_table_is_one_line_each():
    for each in declared():
        assert "|" not in each.injected + each.seen and "\n" not in each.injected + each.seen, each


SUITE = '''
import pytest
from fault_matrix import fault_row

@fault_row(3, injected="this", seen="that")
@fault_row(4, injected="this too", seen="that too")
@pytest.mark.parametrize("number", [1, 2])
def test_two(number, measured):
    measured(number=number)
    assert number < LIMIT

def test_of_no_row():
    pass
'''


@pytest.mark.parametrize("limit, outcomes", [(3, ["passed"]), (2, ["failed", "passed"])])
def test_a_run_records_what_became_of_each_test(tmp_path, limit, outcomes):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["fault_matrix"]\n')
    (tmp_path / "test_it.py").write_text(SUITE.replace("LIMIT", str(limit)))
    record = tmp_path / "record.json"
    environment = {"PATH": "", "PYTHONPATH": str(ROOT / "Tests/Acceptance"), "PORTCULLIS_FAULTS": str(record)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    entries = json.loads(record.read_text())
    assert [each["row"] for each in entries] == [3, 4], done.stdout
    for each in entries:
        assert (each["cases"], each["outcomes"]) == (2, outcomes)
        assert each["test"] == f"{tmp_path.name}/test_it.py::test_two"
        assert each["measured"] == [{"number": 1}, {"number": 2}]
