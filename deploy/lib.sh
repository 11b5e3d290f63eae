# Shared by the scripts of this folder: what a machine needs, where caches live, how things are built.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/portcullis
BUILD_FLAGS=(-c release --static-swift-stdlib)
# Where Swift builds: in the checkout, or in the cache when the checkout is not this user's to write.
SCRATCH=$ROOT/.build
if ! [ -w "$SCRATCH" ] && { [ -e "$SCRATCH" ] || ! [ -w "$ROOT" ]; }; then
    SCRATCH=$CACHE/build-$(printf '%s' "$ROOT" | sha256sum | cut -c1-16)
fi
SWIFT_NEEDED=6.2
# The release of the vendor's SDK whose bundled command line program the acceptance tests drive.
CLAUDE_AGENT_SDK=${CLAUDE_AGENT_SDK:-0.2.189}

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "${0##*/}: $*"
    exit 1
}

# missing_packages build|test: the Debian packages this machine lacks, judged by what they provide, one a line.
missing_packages() {
    local library proxy
    command -v pkg-config >/dev/null || echo pkg-config
    for library in openssl:libssl-dev libnghttp2:libnghttp2-dev sqlite3:libsqlite3-dev libsystemd:libsystemd-dev; do
        pkg-config --exists "${library%%:*}" 2>/dev/null || echo "${library##*:}"
    done
    command -v openssl >/dev/null || echo openssl
    command -v curl >/dev/null || echo curl
    command -v perl >/dev/null || echo perl-base
    [ -s /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    if [ "$1" = test ]; then
        # Debian keeps servers out of the PATH of an ordinary user.
        for proxy in nginx haproxy caddy; do
            PATH=$PATH:/usr/sbin:/sbin command -v "$proxy" >/dev/null || echo "$proxy"
        done
        command -v valgrind >/dev/null || echo valgrind
        # For the package and what it holds for shells.
        command -v lintian >/dev/null || echo lintian
        command -v dpkg-shlibdeps >/dev/null || echo dpkg-dev
        command -v zsh >/dev/null || echo zsh
        command -v fish >/dev/null || echo fish
        # For the module of NixOS, which is evaluated.
        command -v nix-instantiate >/dev/null || echo nix-bin
        # For the console, which is tried in a browser.
        command -v chromium >/dev/null || [ -n "${CHROMIUM_BIN:-}" ] || echo chromium
        # For promtool, which judges metrics and alerts; its server is not started.
        command -v promtool >/dev/null || echo prometheus
        command -v python3 >/dev/null || echo python3
        python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
        # For the containers of Tests/Systemd, which only root can make.
        if [ "$(id -u)" -eq 0 ]; then
            command -v mmdebstrap >/dev/null || echo mmdebstrap
            command -v systemd-nspawn >/dev/null || echo systemd-container
            # For the internet of Tests/Acceptance, which is made of network namespaces.
            PATH=$PATH:/usr/sbin:/sbin command -v ip >/dev/null || echo iproute2
            [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
            # For the machine of Tests/Emulated.
            if [ "$(uname -m)" = x86_64 ]; then
                command -v qemu-system-x86_64 >/dev/null || echo qemu-system-x86
                command -v cpio >/dev/null || echo cpio
                command -v mkfs.ext4 >/dev/null || echo e2fsprogs
            fi
        fi
    fi
}

# swift_lack: what is wrong with the Swift toolchain; nothing when it will do.
swift_lack() {
    local version
    command -v swift >/dev/null || { echo "swift is not on PATH ($SWIFT_NEEDED or newer is needed)"; return; }
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p') || version=
    [ -n "$version" ] || { echo "$(command -v swift) does not tell its version"; return; }
    [ "$(printf '%s\n' "$SWIFT_NEEDED" "$version" | sort -V | head -n 1)" = "$SWIFT_NEEDED" ] ||
        echo "swift is $version ($SWIFT_NEEDED or newer is needed)"
}

# as_root COMMAND: the line by which this user runs the command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        printf '%s\n' "$1"
    elif command -v sudo >/dev/null; then
        printf "sudo sh -c '%s'\n" "$1"
    else
        printf "su -c '%s'\n" "$1"
    fi
}

# install_packages NAME…: as root. No service is started by it, now or when the machine starts.
install_packages() {
    local package
    say "installing $*"
    (
        # Without this word to invoke-rc.d Debian would start a proxy on port 80.
        policy=/usr/sbin/policy-rc.d
        if [ ! -e "$policy" ]; then
            trap 'rm -f "$policy"' EXIT
            trap 'exit 1' HUP INT TERM
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod 755 "$policy"
        fi
        apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    ) >&2 || fail "apt-get did not install $*"
    for package in "$@"; do
        case $package in
            nginx | haproxy | caddy | prometheus) systemctl --quiet disable "$package" >/dev/null 2>&1 || true ;;
        esac
    done
}

# prepare_machine build|test: installs packages that are missing as root; else names at once all that is missing.
prepare_machine() {
    local missing lack line='' swiftly
    mapfile -t missing < <(missing_packages "$1")
    lack=$(swift_lack)
    if [ -z "$lack" ] && [ "${#missing[@]}" -eq 0 ]; then return; fi
    if [ -z "$lack" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        install_packages "${missing[@]}"
        return
    fi
    if [ "${#missing[@]}" -gt 0 ]; then
        say "missing packages, by Debian's names: ${missing[*]}"
        line=$(as_root "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}")
    fi
    if [ -n "$lack" ]; then
        say "missing toolchain: $lack; https://www.swift.org/install/linux tells more"
        # shellcheck disable=SC2016 # for the user's shell
        swiftly='curl -fsSLO "https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz"'
        # shellcheck disable=SC2016 # likewise
        swiftly+=' && tar -xzf "swiftly-$(uname -m).tar.gz" && ./swiftly init --quiet-shell-followup'
        # shellcheck disable=SC2016 # likewise
        swiftly+=' && . "${SWIFTLY_HOME_DIR:-$HOME/.local/share/swiftly}/env.sh"'
        line+=${line:+ && }$swiftly
    fi
    fail "something is missing; on Debian and Ubuntu this line installs it all:
$line"
}

# build_release PRODUCT…: release build with the static standard library.
build_release() {
    local product
    for product in "$@"; do
        swift build --package-path "$ROOT" --scratch-path "$SCRATCH" "${BUILD_FLAGS[@]}" --product "$product" >&2 || return
    done
}

release_folder() {
    swift build --package-path "$ROOT" --scratch-path "$SCRATCH" "${BUILD_FLAGS[@]}" --show-bin-path
}

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
        # Shells that were split from one may draw the same numbers.
        port=$((20000 + (RANDOM + BASHPID) % 12000))
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
