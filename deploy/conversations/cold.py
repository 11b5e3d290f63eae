"""The yardstick: one process of the CLI for one answer, started and fed as the gateway does it.

How that is, the gateway tells itself: its `--claude-path` is a script that writes down the arguments, the
environment, the directories and the rows of each turn, and passes all on.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from dialogues import QUESTION
from upstream import MARK


def make_recorder(folder, claude):
    """A program that records what it is given under `folder` and hands it to the CLI."""
    program = folder / "claude"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {folder} {claude} "$@"\n')
    program.chmod(0o700)
    return program


def record(folder, claude, *arguments):
    if "--print" not in arguments:
        os.execv(claude, [claude, *arguments])  # It is asked for its version, or for the login.
    place = pathlib.Path(folder) / f"turn-{time.time_ns()}"
    shutil.copytree(os.environ["HOME"], place / "home")
    how = {"arguments": [claude, *arguments], "environment": dict(os.environ), "folder": os.getcwd()}
    (place / "how").write_text(json.dumps(how))
    child = subprocess.Popen([claude, *arguments], stdin=subprocess.PIPE)

    def pass_on():
        with open(place / "rows", "wb", buffering=0) as rows:
            while read := os.read(0, 1 << 16):
                rows.write(read)
                try:
                    child.stdin.write(read)
                    child.stdin.flush()
                except BrokenPipeError:
                    return
        child.stdin.close()

    threading.Thread(target=pass_on, daemon=True).start()
    os._exit(child.wait())


class Recording:
    """One turn as the gateway began it."""

    def __init__(self, place):
        self.home = place / "home"
        self.how = json.loads((place / "how").read_text())
        rows = (place / "rows").read_bytes().splitlines(keepends=True)
        kinds = [json.loads(row) for row in rows]
        last = max(index for index, row in enumerate(kinds) if row["type"] == "user")
        # Behind each row of the history its empty result must be waited for.
        self.portions, portion = [], b""
        for row, kind in zip(rows[:last + 1], kinds):
            portion += row
            if kind["type"] == "user":
                self.portions.append(portion)
                portion = b""

    @classmethod
    def newest(cls, folder):
        """That of the turn answered last: its question was written down before it was passed on."""
        for place in sorted(folder.glob("turn-*"), reverse=True):
            rows = place / "rows"  # A process that was started in advance has none yet.
            if rows.exists() and QUESTION in rows.read_bytes():
                return cls(place)
        raise RuntimeError("no turn was recorded")

    def run(self):
        """Seconds to the first byte of the answer, and of CPU. The process is killed behind it: it pays for no end."""
        with tempfile.TemporaryDirectory(prefix="cold.") as name:
            shutil.copytree(self.home, name, dirs_exist_ok=True)
            old = self.how["environment"]["HOME"]
            environment = {key: value.replace(old, name) for key, value in self.how["environment"].items()}
            folder = self.how["folder"].replace(old, name)
            portions, first = iter(self.portions), None
            start = time.monotonic()
            process = subprocess.Popen(
                self.how["arguments"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=environment, cwd=folder, start_new_session=True)
            self.write(process, next(portions))
            for line in process.stdout:
                if line.startswith(b'{"type":"stream_event"'):
                    if first is None and MARK in line:
                        first = time.monotonic() - start
                    if b'"message_stop"' in line:
                        break
                elif b'"type":"result"' in line and (portion := next(portions, None)):
                    self.write(process, portion)
            process.kill()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
            process.stdin.close()
            process.stdout.close()
            if first is None:
                raise RuntimeError("the CLI gave no answer")
            return first, usage.ru_utime + usage.ru_stime

    @staticmethod
    def write(process, portion):
        process.stdin.write(portion)
        process.stdin.flush()


if __name__ == "__main__":
    record(*sys.argv[1:])
