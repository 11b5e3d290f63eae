"""Makes the fault table of SECURITY.md of what runs have recorded: fault_table.py write|check RECORD…

A test that no run has had keeps its line if it stood in the table already; one that failed stops it all.
"""
import json
import pathlib
import sys

from fault_matrix import ROOT, ROWS, declared, table, table_in, with_table


def main(action, *records):
    recorded = [entry for path in records if pathlib.Path(path).exists() for entry in json.loads(pathlib.Path(path).read_text())]
    bad = [entry for entry in recorded if entry["outcomes"] not in (["passed"], ["skipped"])]
    passed = {(entry["row"], entry["test"]) for entry in recorded if entry["outcomes"] == ["passed"]}
    page = ROOT / "SECURITY.md"
    text = page.read_text()
    standing = "\n".join(table_in(text))
    kept, entries = [], []
    for each in declared():
        if (each.row, each.test) in passed:
            entries.append(each)
        elif each.test.replace("::", "` `") in standing:
            entries.append(each)
            kept.append(each)
    for entry in recorded:
        for figures in entry["measured"]:
            print(f"row {entry['row']}: {entry['test']}: {figures}")
    for entry in bad:
        print(f"failed: row {entry['row']}: {entry['test']}: {entry['outcomes']}", file=sys.stderr)
    for each in kept:
        print(f"not run here, so its line is kept: row {each.row}: {each.test}", file=sys.stderr)
    for row in set(ROWS) - {each.row for each in entries}:
        print(f"not automated: row {row}: {ROWS[row]}", file=sys.stderr)
    if not recorded or bad:
        return 1
    lines = table(entries)
    if action == "check":
        return 0 if lines == table_in(text) else "the table of SECURITY.md is not what was seen; run deploy/faults"
    page.write_text(with_table(text, lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
