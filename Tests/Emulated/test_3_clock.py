"""The machine's clock is set while the service runs: by years and hours, ahead and back."""

import json
import time

import pytest

from fault_matrix import fault_row
from harness import eventually
from service import FOLDER

CAP = 3
# Longer than the unit's watchdog waits, in tenths of a second.
LONG = 110
# At noon, so that an hour more is the same day.
NOON = 1_800_014_400
DAYS = ["2026-01-15", "2027-01-15", "2028-01-15"]


@pytest.fixture(scope="module")
def counted(server):
    """The service with a key of three requests a day."""
    server.machine.run("date", "--set", f"@{NOON}")
    server.configure(key_options=f"requests-per-day={CAP}")
    yield server.start()
    server.machine.run("date", "--set", f"@{time.time():.0f}")


def set_clock(server, words):
    server.machine.shell(f'date --set "$(date --date "{words}" "+%F %T")"')


def use_up_the_day(server):
    """Begins a stream, and asks until the cap of the day is reached."""
    stream = server.client().stream(f"standin:events {LONG} 100000")
    assert stream.begun.wait(60)
    asked = [server.client().ask("standin:echo yes").status for _ in range(CAP)]
    assert asked == [200] * (CAP - 1) + [429]
    return stream


def requests_of_days(server):
    report = server.machine.run(
        "portcullis", "usage", "--json", "--by", "day", "--since", DAYS[0], "--until", DAYS[-1], "--config",
        f"{FOLDER}/portcullis.conf")
    found = {row["day"]: row["requests"] for row in json.loads(report.stdout)["rows"]}
    return [found.get(day, 0) for day in DAYS]


@fault_row(
    22, injected="`date` sets the clock a year ahead, two years back and an hour ahead, amid streams",
    seen="no watchdog, no restart, each stream ends whole; a day's cap counts the requests of that day and no others")
def test_a_clock_that_jumps_ends_nothing_and_mixes_no_days(counted):
    pid = counted.show("MainPID")
    streams = [use_up_the_day(counted)]
    for jump in ("now + 1 year", "now - 2 years"):
        set_clock(counted, jump)
        streams.append(use_up_the_day(counted))
    set_clock(counted, "now + 1 hour")
    assert counted.client().ask("standin:echo yes").status == 429
    assert all(stream.whole() for stream in streams)
    assert (counted.show("MainPID"), counted.restarts()) == (pid, 0)
    # One that was running counts for the day on which it ended.
    eventually(lambda: sum(requests_of_days(counted)) == 3 * CAP, "each request is counted once")
