# Shared by the scripts of this folder: what a machine needs, where caches live, how things are built.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/portcullis
BUILD_FLAGS=(-c release --static-swift-stdlib)
# The release of the vendor's SDK whose bundled command line program the acceptance tests drive.
CLAUDE_AGENT_SDK=${CLAUDE_AGENT_SDK:-0.2.189}

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "${0##*/}: $*"
    exit 1
}

# missing_packages build|test: the Debian packages this machine lacks, judged by what they provide, one a line.
missing_packages() {
    local library
    command -v pkg-config >/dev/null || echo pkg-config
    for library in openssl:libssl-dev libnghttp2:libnghttp2-dev sqlite3:libsqlite3-dev libsystemd:libsystemd-dev; do
        pkg-config --exists "${library%%:*}" 2>/dev/null || echo "${library##*:}"
    done
    command -v openssl >/dev/null || echo openssl
    command -v curl >/dev/null || echo curl
    [ -s /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    if [ "$1" = test ]; then
        command -v python3 >/dev/null || echo python3
        python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
    fi
}

# prepare_machine build|test: installs what is missing as root, else names it in one line.
prepare_machine() {
    local missing
    mapfile -t missing < <(missing_packages "$1")
    if [ "${#missing[@]}" -gt 0 ]; then
        if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
            fail "missing packages; as root: apt-get install ${missing[*]}"
        fi
        say "installing ${missing[*]}"
        apt-get update -qq >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
    fi
    command -v swift >/dev/null || fail "swift is not on PATH; install the Swift toolchain (6.2 or newer)"
}

# build_release PRODUCT…: release build with the static standard library.
build_release() {
    local product
    for product in "$@"; do
        swift build --package-path "$ROOT" "${BUILD_FLAGS[@]}" --product "$product" >&2
    done
}

release_folder() { swift build --package-path "$ROOT" "${BUILD_FLAGS[@]}" --show-bin-path; }

# python_for REQUIREMENTS: path of a Python that has them, in a virtual environment outside the checkout.
python_for() {
    local digest folder
    digest=$({ python3 --version && cat "$1"; } | sha256sum | cut -c1-16)
    folder=$CACHE/python-$digest
    if [ ! -e "$folder/complete" ]; then
        say "setting up Python for $(basename "$(dirname "$1")")/$(basename "$1")"
        rm -rf "$folder"
        python3 -m venv "$folder" >&2
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$1" >&2
        touch "$folder/complete"
    fi
    printf '%s\n' "$folder/bin/python"
}

# real_claude PYTHON: path of the vendor's `claude`, taken out of its Python package once.
real_claude() {
    local folder=$CACHE/claude-$CLAUDE_AGENT_SDK scratch
    if [ ! -x "$folder/claude" ]; then
        say "fetching the claude command line program (claude-agent-sdk $CLAUDE_AGENT_SDK)"
        mkdir -p "$folder"
        scratch=$(mktemp -d "$CACHE/fetch.XXXXXX")
        "$1" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --dest "$scratch" "claude-agent-sdk==$CLAUDE_AGENT_SDK" >&2
        "$1" - "$scratch" >&2 <<'END'
import pathlib, shutil, sys, zipfile
folder = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
    with wheel.open("claude_agent_sdk/_bundled/claude") as packed, open(folder / "claude", "wb") as out:
        shutil.copyfileobj(packed, out)
END
        chmod 755 "$scratch/claude"
        mv "$scratch/claude" "$folder/claude"
        rm -rf "$scratch"
    fi
    printf '%s\n' "$folder/claude"
}

# free_port: a loopback port on which nothing listens at this moment.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    printf '%s\n' "$port"
}

# wait_until SECONDS COMMAND…: runs the command until it succeeds, at most that long.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}
