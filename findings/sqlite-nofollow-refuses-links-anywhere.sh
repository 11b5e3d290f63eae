#!/usr/bin/env bash
# SQLite's SQLITE_OPEN_NOFOLLOW refuses a symbolic link in ANY part of the path, not in its last part alone.
#
# What a good engineer would guess: the flag is open(2)'s O_NOFOLLOW, which looks at the last component only, so
#   a database in a directory that is reached through a link opens.
# What happens: the open fails with SQLITE_CANTOPEN_SYMLINK (1550), whose text is only "unable to open database file".
#   On Debian the state directory of every systemd unit with DynamicUser=yes is such a link
#   (/var/lib/NAME -> private/NAME), so a service that opens its database so does not start there.
# Seen with: apsw 3.46.1.0, which bundles SQLite 3.46.1; Linux.
# Way out: resolve the directory with realpath(3) once, and keep the flag for the last component.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet --disable-pip-version-check apsw==3.46.1.0
mkdir "$work/private"
ln -s private "$work/state"

"$work/python/bin/python" - "$work" <<'END'
import os
import sys

import apsw

work = sys.argv[1]
flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOFOLLOW


def open_database(path):
    try:
        apsw.Connection(path, flags=flags).close()
        return "opened"
    except apsw.CantOpenError as error:
        return f"extended result {error.extendedresult}: {error}"


through_link = open_database(f"{work}/state/ledger.sqlite")
resolved = open_database(os.path.realpath(f"{work}/state") + "/ledger.sqlite")
by_system = os.open(f"{work}/state/file", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
print("SQLite", apsw.sqlite_lib_version())
print("NOFOLLOW, a link above the file:", through_link)
print("NOFOLLOW, the same path resolved:", resolved)
print("open(2) with O_NOFOLLOW through the link: opened as descriptor", by_system > 2)
assert apsw.sqlite_lib_version() == "3.46.1"
assert "1550" in through_link and "unable to open database file" in through_link, through_link
assert resolved == "opened" and by_system > 2
END
