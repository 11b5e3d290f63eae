#!/usr/bin/env bash
# Most of what a started, untouched Claude Code process costs is its runtime looking at the heap once a second.
#
# What a good engineer would guess: what a process costs that has been asked nothing is its start, and garbage is
#   collected when memory fills; a timer matters to servers that run for hours.
# What happens: the bundled runtime looks at its heap each second and collects it several times behind a start, although
#   nothing happens. With `BUN_GC_TIMER_INTERVAL=60000`, a name that the program itself reports among its tuning
#   variables, the first five seconds of a process that waits for its input cost about a fifth to a half less CPU. Its
#   memory is some 20 MB larger.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64, 2 cores.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    claude-agent-sdk==0.2.189
python3 -m zipfile -e "$work"/claude_agent_sdk-*.whl "$work/sdk"
claude=$work/sdk/claude_agent_sdk/_bundled/claude
chmod 755 "$claude"

cd "$work"
python3 - "$claude" <<'END'
import os, statistics, subprocess, sys, tempfile, time


def cost(**tuning):
    """Seconds of CPU of a process in its first five seconds, in which it is given nothing."""
    with tempfile.TemporaryDirectory(dir=".") as home:
        process = subprocess.Popen(
            [sys.argv[1], "--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json",
             "--tools", "", "--setting-sources", ""],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"HOME": os.path.abspath(home), "PATH": "/usr/bin:/bin", "ANTHROPIC_API_KEY": "made-up",
                 "ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", **tuning})
        time.sleep(5)
        process.kill()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        process.stdin.close()
        return usage.ru_utime + usage.ru_stime


cost()  # The first start fills the page cache.
pairs = [(cost(), cost(BUN_GC_TIMER_INTERVAL="60000")) for _ in range(5)]
usual, tuned = (statistics.median(side) for side in zip(*pairs))
print(f"CPU of the first five seconds: {usual:.2f} s as it is, {tuned:.2f} s with a look at the heap each minute")
assert tuned < 0.85 * usual, pairs
END
