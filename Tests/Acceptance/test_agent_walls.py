"""The walls of agent mode: what commands in a workspace can do, and what they cannot.

The shell that the CLI is given is called here as the CLI calls it, with hostile commands and with ordinary work.
"""
import contextlib
import http.server
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from conftest import PORTCULLIS

pytestmark = pytest.mark.core

SECRET = "secret-of-the-gateway"
REFUSED = "portcullis: the walls of this workspace refused: "
REFUSALS = ("Permission denied", "Operation not permitted", "Invalid cross-device link", "Function not implemented",
            "No such process", "Address family not supported", "must be root", "must be superuser")


class Place:
    """A gateway's files, two workspaces, and the shell of one of them."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("state", "work", "other", "room", "notes", "config/snapshots", "bin"):
            (folder / name).mkdir(parents=True)
        for name in ("state/ledger.sqlite", "state/pepper", "api-keys", "other/file", "config/.claude.json", "notes/output"):
            (folder / name).write_text(SECRET)
        (folder / "work/escape").symlink_to(folder / "api-keys")
        (folder / "bin/bash").symlink_to(PORTCULLIS)
        self.environment = {
            "PORTCULLIS_SHELL_WORKSPACE": str(folder / "work"), "PORTCULLIS_SHELL_ROOM": str(folder / "room"),
            "PORTCULLIS_SHELL_NOTES": str(folder / "notes"), "PORTCULLIS_SHELL_SNAPSHOTS": str(folder / "config/snapshots"),
            "PORTCULLIS_SHELL_CLI": "/bin/true", "PORTCULLIS_SHELL_FILE_BYTES": str(10 << 20),
            "ANTHROPIC_API_KEY": SECRET, "ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "LD_PRELOAD": "",
        }

    def command(self, *arguments):
        return [str(self.folder / "bin/bash"), *arguments]

    def run(self, script, timeout=60, **more):
        """A command as the CLI runs it: what it said, all in one."""
        return subprocess.run(
            self.command("-c", "-l", script), cwd=self.folder / "work", env={**self.environment, **more}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@contextlib.contextmanager
def listener(port=0):
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen(16)
        yield server.getsockname()[1]


READS = {
    "passwords": "cat /etc/shadow", "key-file": "cat {folder}/api-keys", "ledger": "cat {folder}/state/ledger.sqlite",
    "pepper": "cp {folder}/state/pepper stolen", "init": "cat /proc/1/environ", "cli": "cat /proc/$PPID/environ",
    "memory-of-cli": "head -c 1 /proc/$PPID/mem", "other-workspace": "cat {folder}/other/file",
    "other-workspace-list": "ls {folder}/other", "above": "cat ../api-keys", "far-above": "ls ../../../../../..",
    "symlink": "cat escape", "own-symlink": "ln -s {folder}/api-keys out; cat out", "hard-link": "ln {folder}/api-keys in",
    "configuration": "cat {folder}/config/.claude.json", "notes": "cat {folder}/notes/output", "state": "ls {folder}/state",
    "home": "ls /root /home", "host-keys": "cat /etc/ssh/ssh_host_rsa_key || ls /etc/ssh", "disk": "head -c 1 /dev/vda || head -c 1 /dev/sda",
    "kernel-memory": "head -c 1 /proc/kallsyms", "processes": "ls /proc", "tmp": "ls /tmp /var/tmp /dev/shm",
    "cpu-of-gateway": "cat /proc/{gateway}/cmdline",
}
CHANGES = {
    "key-file": "echo x > {folder}/api-keys", "append": "echo x >> {folder}/state/pepper", "remove": "rm -f {folder}/api-keys",
    "move": "mv {folder}/api-keys .", "move-out": "echo x > y; mv y {folder}/state/", "other": "touch {folder}/other/file2",
    "mode": "chmod 777 {folder}/api-keys", "mode-of-a-program": "chmod 000 /usr/bin/true", "owner": "chown 1:1 {folder}/api-keys",
    "times": "touch -d 2001-01-01 {folder}/api-keys", "mode-by-link": "chmod 777 escape", "times-by-link": "touch -d 2001-01-01 escape",
    "notes": "rm {folder}/notes/output", "link-in-notes": "ln -s /etc/passwd {folder}/notes/link",
    "configuration": "echo x > {folder}/config/.claude.json", "device": "mknod disk b 8 0", "mount": "mount -t tmpfs none .",
    "clock": "date -s 2001-01-01", "name": "hostname x", "set-user": "cp /bin/true own && chmod u+s own",
    "kill-the-cli": "kill -9 $PPID", "kill-the-gateway": "kill -9 {gateway}", "stop-the-gateway": "kill -STOP {gateway}",
    "priority-of-gateway": "renice 19 -p {gateway}", "namespace": "unshare -Ur true", "root": "chroot / true",
    "into-namespace": "nsenter -t {gateway} -m true",
}
PYTHON = {
    "tcp": "socket.create_connection(('127.0.0.1', {port}), 3)",
    "metadata": "socket.create_connection(('169.254.169.254', 80), 3)",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))",
    "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "packet": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "unix": "socket.socket(socket.AF_UNIX).connect('{folder}/state/control')",
    "ipv6": "socket.create_connection(('::1', {port}), 3)",
    "serve": "socket.socket().listen()",
    "trace": "libc(101, 16, {gateway}, 0, 0)",
    "trace-the-shell": "libc(101, 16, os.getppid(), 0, 0)",
    "ring": "libc(425, 1, ctypes.create_string_buffer(120))",
    "bpf": "libc(321, 0, ctypes.create_string_buffer(72), 72)",
    "keys": "libc(250, 0, -3, 0)",
    "userfaultfd": "libc(323, 1)",
    "take-descriptor": "libc(438, libc(434, os.getppid(), 0), 0, 0)",
    "read-memory": "libc(310, os.getppid(), ctypes.create_string_buffer(16), 1, ctypes.create_string_buffer(16), 1, 0)",
    "mode-by-descriptor": "os.fchmod(os.open('/usr/bin/true', os.O_RDONLY), 0)",
    "watch": "libc(254, libc(294, 0), b'{folder}/state', 0x100)",
    "nameless": "libc(319, b'x', 0)",
    "set-user": "os.open('own', os.O_CREAT | os.O_WRONLY, 0o4755)",
    "shared-memory": "libc(29, 0, 4096, 0o1600)",
}
PRELUDE = """
import ctypes, os, socket
raw = ctypes.CDLL(None, use_errno=True).syscall
def libc(*arguments):
    value = raw(*arguments)
    if value < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return value
"""


def denied(result, place):
    assert SECRET not in result.stdout, result.stdout
    assert any(each.lower() in result.stdout.lower() for each in REFUSALS), f"no denial is told: {result.stdout!r}"
    assert result.returncode != 0, result.stdout


@pytest.mark.parametrize("name", READS)
def test_a_command_reads_nothing_outside_of_its_workspace(place, name):
    denied(place.run(READS[name].format(folder=place.folder, gateway=os.getpid())), place)


@pytest.mark.parametrize("name", CHANGES)
def test_a_command_changes_nothing_outside_of_its_workspace(place, name):
    before = {path: path.lstat()[:9] for path in place.folder.rglob("*") if path.is_file() and "room" not in path.parts and "work" not in path.parts}
    before = {path: (status[0], status[4], status[5], status[6], int(status[8])) for path, status in before.items()}
    denied(place.run(CHANGES[name].format(folder=place.folder, gateway=os.getpid())), place)
    for path, kept in before.items():
        status = path.lstat()
        assert (status[0], status[4], status[5], status[6], int(status[8])) == kept, path


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="calls by their numbers")
@pytest.mark.parametrize("network", ["none", "proxy"])
@pytest.mark.parametrize("name", PYTHON)
def test_a_program_reaches_nobody_and_looks_into_nobody(place, name, network):
    more = {"PORTCULLIS_SHELL_PROXY": "http://run:token@127.0.0.1:9"} if network == "proxy" else {}
    with listener() as port:
        attempt = PYTHON[name].format(folder=place.folder, gateway=os.getpid(), port=port)
        result = place.run(f"python3 - <<'END'\n{PRELUDE}\n{attempt}\nprint('DONE')\nEND", **more)
    assert "DONE" not in result.stdout
    denied(result, place)


def test_without_walls_the_same_attempts_succeed(place):
    """So that none is refused for another reason."""
    with listener() as port:
        for name in ("tcp", "udp", "netlink", "serve", "nameless", "watch", "set-user"):
            attempt = PYTHON[name].format(folder=place.folder, gateway=os.getpid(), port=port)
            result = subprocess.run(
                ["/bin/bash", "-c", f"python3 - <<'END'\n{PRELUDE}\n{attempt}\nprint('DONE')\nEND"], cwd=place.folder / "work",
                text=True, capture_output=True, timeout=60)
            assert "DONE" in result.stdout, (name, result.stderr)
    for name in ("key-file", "ledger", "above", "symlink", "other-workspace", "configuration"):
        result = subprocess.run(["/bin/bash", "-c", READS[name].format(folder=place.folder)], cwd=place.folder / "work", text=True, capture_output=True)
        assert result.stdout == SECRET


def test_the_environment_holds_no_credential_and_no_descriptor_comes_along(place):
    read, write = os.pipe()
    result = subprocess.run(
        place.command("-c", "env; ls -l /dev/fd/ 2>&1 || true; echo x >&%d" % write), cwd=place.folder / "work", text=True,
        env=place.environment, capture_output=True, pass_fds=[write])
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == ""
    assert "Bad file descriptor" in result.stderr
    assert SECRET not in result.stdout and "ANTHROPIC" not in result.stdout and "PORTCULLIS" not in result.stdout
    assert f"HOME={place.folder}/room/home" in result.stdout


@pytest.mark.parametrize("missing", ["WORKSPACE", "ROOM", "FILE_BYTES"])
def test_without_its_bounds_there_is_no_shell(place, missing):
    del place.environment[f"PORTCULLIS_SHELL_{missing}"]
    result = place.run("echo started")
    assert result.returncode == 126 and result.stdout == "portcullis: no shell: it is not told where it may work\n"


def test_a_file_gets_no_larger_than_its_bound(place):
    result = place.run("dd if=/dev/zero of=large bs=1M count=10240 2>&1; fallocate -l 10G other; truncate -s 10G third")
    assert "File too large" in result.stdout or result.returncode != 0
    assert all(path.stat().st_size <= 10 << 20 for path in (place.folder / "work").iterdir() if path.is_file())


@pytest.mark.parametrize("script", ["fallocate -l 10G f 2>/dev/null || true", "truncate -s 10G f", "exec head -c 10G /dev/zero > f"])
def test_a_file_that_would_be_too_large_is_told_of_whatever_the_command_says(place, script):
    assert place.run(script).stdout == REFUSED + "a file as large as that (1)\n"


def test_room_that_a_file_may_have_is_left_to_be_written(place):
    result = place.run("python3 -c \"import os; f = open('f', 'wb'); os.posix_fallocate(f.fileno(), 0, 4096)\"; stat -c %s f")
    assert (result.returncode, result.stdout) == (0, "4096\n")


def test_a_process_takes_no_more_memory_than_its_bound(place):
    script = "python3 -c 'x = bytearray(400 << 20); print(len(x))'"
    assert "MemoryError" in place.run(script, PORTCULLIS_SHELL_PROCESS_BYTES=str(256 << 20)).stdout
    assert place.run(script).stdout == f"{400 << 20}\n"


def test_what_a_command_leaves_behind_ends_with_it_and_is_told_of(place):
    """The output has no end as long as one of them lives."""
    script = "setsid sleep 600 & (setsid sh -c 'trap \"\" HUP TERM; sleep 600; sleep 600' &) ; nohup sleep 600 & echo over"
    result = place.run(script, timeout=20)
    assert result.returncode == 0 and "over" in result.stdout
    # On a busy machine not all of them have begun.
    assert re.search(re.escape(REFUSED) + r"processes that outlive the command \([1-4]\)\n$", result.stdout), result.stdout


STUBBORN = "trap '' TERM INT HUP; setsid sh -c 'trap \"\" TERM; echo begun; sleep 600; sleep 600' & while :; do sleep 600; done"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_that_the_cli_ends_leaves_nothing_behind(place, how):
    """Neither what has left its group, nor what heeds no other signal: the CLI ends a group whose time is over."""
    process = subprocess.Popen(
        place.command("-c", STUBBORN), cwd=place.folder / "work", env=place.environment, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == b"begun\n"
    os.killpg(process.pid, how)
    # The output ends when nobody is left who could write to it.
    assert process.communicate(timeout=30) == (b"", None)
    assert process.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 128 + signal.SIGKILL)


def test_a_fork_bomb_ends_with_its_command_where_processes_are_bounded(place):
    if os.geteuid() == 0:
        pytest.skip("root's processes are bounded by the namespaces of a run alone")
    limit = (400, 400)
    command = place.command("-c", "f() { f | f & }; f; sleep 0.5; echo over")
    process = subprocess.run(
        command, cwd=place.folder / "work", env=place.environment, capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, limit))
    assert "Resource temporarily unavailable" in process.stderr


def test_a_command_and_what_it_starts_have_the_lowest_priority(place):
    assert place.run("setsid nice").stdout == "19\n"
    if os.geteuid() != 0:
        assert place.run("nice -n -1 nice 2>/dev/null").stdout == "19\n"


def test_the_exit_code_is_the_commands(place):
    assert place.run("exit 7").returncode == 7
    assert place.run("kill -9 $$").returncode == 128 + 9
    assert place.run("no-such-program").returncode == 127


WORK = {
    "git": "git init -q r && cd r && echo a > f && git add f && git -c user.name=n -c user.email=e@x commit -qm m && git log --format=%s && git status -s",
    "python": "python3 -c 'import os, tempfile, subprocess, json; print(subprocess.check_output([\"echo\", \"m\"], text=True).strip()); tempfile.mkdtemp()'",
    "pipes": "printf 'b\\nm\\na\\n' | sort | tail -1", "process-substitution": "cat <(echo m)", "tee": "echo m | tee >(cat >/dev/null) ; true",
    "here-document": "cat <<X\nm\nX", "background": "(sleep 0.1; echo m) & wait", "modes": "echo 'echo m' > s; chmod +x s; ./s",
    "modes-of-many": "mkdir -p d/e && echo m > d/e/f && chmod -R u=rwX,go= d && cat d/e/f", "times": "touch -d 2020-02-02 f; date -r f +m",
    "copy": "echo m > f; cp -a f g; cat g", "archive": "mkdir d; echo m > d/f; tar czf t.tgz d && rm -r d && tar xzf t.tgz && cat d/f",
    "rename": "mkdir a b; echo m > a/f; mv a/f b/; cat b/f", "links": "echo m > f; ln f g; ln -s g h; cat h",
    "temporary": "f=$(mktemp); echo m > $f; cat $f", "home": "echo m > ~/f; cat ~/f", "directory": "mkdir d; cd d; echo m; pwd -P >| {folder}/notes/cwd",
    "snapshot": "echo 'alias a=b' > {folder}/config/snapshots/s; echo m", "device": "echo x > /dev/null; head -c 4 /dev/urandom | wc -c | sed s/4/m/",
    "user": "id -un >/dev/null && echo m", "threads": "python3 -c 'import threading; t = threading.Thread(target=lambda: print(\"m\")); t.start(); t.join()'",
    "mode-from-a-thread": "touch f; python3 -c 'import os, threading; t = threading.Thread(target=os.chmod, args=(\"f\", 0o600)); t.start(); t.join()'; stat -c %a f | sed s/600/m/",
    "mode-by-descriptor": "python3 -c 'import os; f = os.open(\"f\", os.O_CREAT | os.O_WRONLY); os.fchmod(f, 0o640); os.utime(f)'; stat -c %a f | sed s/640/m/",
    "signal": "trap 'echo m' USR1; kill -USR1 $$", "timeout": "timeout 0.1 sleep 5; echo m", "kill-own": "sleep 600 & kill %1; wait; echo m",
}


@pytest.mark.parametrize("name", WORK)
def test_ordinary_work_passes(place, name):
    result = place.run(WORK[name].replace("{folder}", str(place.folder)))
    assert (result.returncode, result.stdout) == (0, "m\n")


@pytest.mark.skipif(not shutil.which("cc") or not shutil.which("make"), reason="no compiler")
def test_a_program_is_compiled_and_run(place):
    result = place.run("printf 'all: p\\n\\t./p\\n' > Makefile; echo '#include <stdio.h>\nint main() { puts(\"m\"); }' > p.c; make -s")
    assert (result.returncode, result.stdout) == (0, "m\n")


@contextlib.contextmanager
def proxy():
    """What stands for the egress proxy; the requests that it got."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Proxy-Authorization"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"m\n")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, asked
        server.shutdown()


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_with_a_network_programs_ask_the_proxy_and_nobody_else(place):
    with proxy() as (port, asked), listener() as other:
        more = {"PORTCULLIS_SHELL_PROXY": f"http://run:token@127.0.0.1:{port}"}
        assert place.run("curl -s http://example.org/x", **more).stdout == "m\n"
        assert asked == [("http://example.org/x", "Basic cnVuOnRva2Vu")]
        # The proxy's own port of another address, and another port of its address.
        for target in (f"http://127.0.0.2:{port}", f"http://127.0.0.1:{other}", f"http://[::1]:{port}"):
            result = place.run(f"curl -sS --noproxy '*' -m 5 {target}", **more)
            assert result.returncode == 7, result.stdout
        threads = f"""
import socket, threading
def ask():
    s = socket.create_connection(('127.0.0.1', {port})); s.sendall(b'GET /t HTTP/1.0\\r\\n\\r\\n'); print(s.recv(12)[9:].decode())
all = [threading.Thread(target=ask) for _ in range(4)]
[t.start() for t in all]; [t.join() for t in all]"""
        assert place.run(f"python3 - <<'END'{threads}\nEND", **more).stdout == "200\n" * 4
