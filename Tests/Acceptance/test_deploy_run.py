"""deploy/run as somebody uses it on the first day: other ports, a port in use, a path with blanks, a help text."""
import os
import pathlib
import re
import shlex
import shutil
import ssl
import subprocess
import tempfile

import httpx2
import pytest

from harness import ROOT, eventually, free_port

# Stands in for the toolchain: the programs are built already, and none of these tests is about building.
SWIFT = """#!/bin/sh
echo "$*" >> '{folder}/swift-calls'
case " $* " in
*" --version "*) echo 'Swift version {version} (stand-in)' ;;
*" --show-bin-path "*) echo '{programs}' ;;
esac
"""


class Newcomer:
    """Somebody with a copy of the scripts in a folder whose name has a blank, and a home of his own."""

    def __init__(self, folder, portcullis, standin, user=None):
        self.folder = folder
        self.user = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self.checkout = folder / "my code"
        for part in ["deploy", "certs"]:
            shutil.copytree(ROOT / part, self.checkout / part, ignore=shutil.ignore_patterns("dev"))
        programs = folder / "programs"
        programs.mkdir()
        for program in [portcullis, standin]:
            shutil.copy(program, programs / program.name)
        (folder / "bin").mkdir()
        self.install_swift()
        self.env = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "HOME": str(folder / "home"), "TMPDIR": str(folder)}
        self.env["CLAUDE_PATH"] = str(programs / standin.name)
        (folder / "home").mkdir()
        if user is not None:
            os.chown(folder / "home", user, user)
            os.chown(folder, user, user)
        self.running = []

    def install_swift(self, version="6.3.1"):
        swift = self.folder / "bin/swift"
        swift.write_text(SWIFT.format(folder=self.folder, programs=self.folder / "programs", version=version))
        swift.chmod(0o755)

    def run(self, *flags, **variables):
        """Runs it to its end, which must be soon."""
        return subprocess.run(
            [self.checkout / "deploy/run", *flags], env={**self.env, **variables}, cwd=self.folder, timeout=60,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, **self.user,
        )

    def serve(self, *flags, **variables):
        """Starts it and returns its banner."""
        output = self.folder / f"output{len(self.running)}"
        with open(output, "wb") as file:
            self.running.append(subprocess.Popen(
                [self.checkout / "deploy/run", *flags], env={**self.env, **variables}, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, **self.user,
            ))

        def banner():
            text = output.read_text(errors="replace")
            assert self.running[-1].poll() is None, text
            return "Ctrl-C stops it" in text and text[text.index("\nPortcullis serves on") + 1:]

        return eventually(banner, "the banner", within=60)

    def stop(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(20)
        self.running = []

    @property
    def state(self):
        return self.folder / "home/.local/state/portcullis"

    def curl_of(self, banner):
        """The words of the command that the banner shows, as a shell takes them."""
        command = re.search(r"(?ms)^  curl .*?(?=\n\n)", banner)[0]
        return shlex.split(command.replace("\\\n", " "))


@pytest.fixture
def newcomer(portcullis, standin, tmp_path):
    someone = Newcomer(tmp_path, portcullis, standin)
    yield someone
    someone.stop()


@pytest.mark.parametrize("way", ["--port", "-p", "--listen", "PORT", "LISTEN"])
def test_another_port_is_the_only_one_and_the_banner_names_it(newcomer, way):
    port = free_port()
    value = f"127.0.0.1:{port}" if "listen" in way.lower() else str(port)
    banner = newcomer.serve(way, value) if way.startswith("-") else newcomer.serve(**{way: value})
    assert banner.startswith(f"Portcullis serves on https://localhost:{port} ")
    assert not re.search(r"and on|:8443", banner)
    command = newcomer.curl_of(banner)
    assert f"https://localhost:{port}/v1/chat/completions" in command
    # The blank in the path: each word is one, and what it prints is an answer.
    assert str(newcomer.checkout / "certs/dev/ca.pem") in command
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert "chat.completion.chunk" in answer.stdout, answer.stderr
    export = re.search(r"(?m)^  export (SSL_CERT_FILE=.*)$", banner)[1]
    assert shlex.split(export) == [f"SSL_CERT_FILE={newcomer.checkout}/certs/dev/ca.pem"]


def test_all_addresses_are_told_and_a_certificate_is_made_for_them(newcomer):
    port = free_port("127.0.0.9")
    path = newcomer.folder / "socket"
    banner = newcomer.serve("--listen", f"127.0.0.9:{port}", f"--listen=unix:{path}")
    assert banner.startswith(f"Portcullis serves on https://127.0.0.9:{port} ")
    assert f"\nand on unix:{path}\n" in banner
    trusted = ssl.create_default_context(cafile=str(newcomer.checkout / "certs/dev/ca.pem"))
    with httpx2.Client(verify=trusted, trust_env=False) as http:
        assert http.get(f"https://127.0.0.9:{port}/health").status_code == 200


def test_the_banner_says_where_the_console_is(newcomer):
    port = free_port()
    assert f"\nIts console is at https://localhost:{port}/console; sign in" in newcomer.serve("-p", str(port), "--console")


def test_a_unix_socket_alone_is_asked_through_it(newcomer):
    path = newcomer.folder / "socket"
    banner = newcomer.serve("--listen", f"unix:{path}", "--plaintext")
    assert banner.startswith(f"Portcullis serves on unix:{path} ")
    answer = subprocess.run(newcomer.curl_of(banner), capture_output=True, text=True, timeout=30)
    assert "chat.completion.chunk" in answer.stdout, answer.stderr


def test_a_port_in_use_is_no_success(newcomer):
    port = free_port()
    newcomer.serve("--port", str(port))
    second = newcomer.run("--port", str(port), XDG_STATE_HOME=str(newcomer.folder / "other"))
    assert second.returncode == 78
    assert "serves on" not in second.stdout
    assert "in use" in second.stderr.strip().splitlines()[-1]


def test_a_wrong_flag_ends_with_the_servers_own_words(newcomer):
    result = newcomer.run("--no-such-flag")
    assert result.returncode == 78
    assert "--no-such-flag" in result.stderr.strip().splitlines()[-1]
    assert "serves on" not in result.stdout


def test_help_and_what_makes_no_sense_build_nothing(newcomer):
    told = newcomer.run("--help")
    assert told.returncode == 0 and told.stdout.startswith("usage: deploy/run") and "portcullis help" in told.stdout
    for words in [("9443",), ("--once=twice",), ("-x", "9443")]:
        refused = newcomer.run(*words)
        assert refused.returncode == 64 and words[0] in refused.stderr and "usage:" in refused.stderr
    assert not (newcomer.folder / "swift-calls").exists()


def test_once_asks_both_dialects_beside_a_running_one(newcomer):
    newcomer.serve("--port", str(free_port()))
    result = newcomer.run("--once")
    assert result.returncode == 0, result.stderr
    assert "both answers were right" in result.stderr


def test_warnings_of_the_check_and_keys_of_ones_own_stand_in_the_banner(newcomer):
    keys = newcomer.folder / "keys"
    keys.write_text("# mine\nweak:short client=openclaw\n")
    keys.chmod(0o600)
    banner = newcomer.serve("--port", str(free_port()), f"--api-keys-file={keys}")
    # Nobody is logged in, in this home; and the key is no good one.
    assert "/home/.claude" in banner and "key weak " in banner
    assert "authorization: Bearer short" in newcomer.curl_of(banner)


def test_a_checkout_of_somebody_else_is_left_alone(portcullis, standin):
    # Not below pytest's folder, which is this user's alone; as root it is nobody who runs it.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        someone = Newcomer(pathlib.Path(folder), portcullis, standin, user=65534 if os.getuid() == 0 else None)
        for part in ["", "certs"]:
            (someone.checkout / part).chmod(0o555)
        try:
            someone.serve("--port", str(free_port()))
            assert (someone.state / "certs/ca.pem").exists()
            calls = (someone.folder / "swift-calls").read_text()
            assert f"--scratch-path {folder}/home/.cache/portcullis/build-" in calls
        finally:
            someone.stop()
            for part in ["", "certs"]:
                (someone.checkout / part).chmod(0o755)


def test_all_that_is_missing_is_named_at_once(newcomer):
    for program in ["curl", "perl"]:
        assert shutil.which(program)
    tools = ["bash", "sh", "dirname", "basename", "sed", "sort", "head", "sha256sum", "cut", "id", "cat", "env"]
    for tool in tools:
        (newcomer.folder / "bin" / tool).symlink_to(shutil.which(tool))
    only_these = {"PATH": str(newcomer.folder / "bin")}
    newcomer.install_swift("6.0.3")
    result = newcomer.run(**only_these)
    assert result.returncode == 1
    assert "swift is 6.0.3" in result.stderr
    line = result.stderr.strip().splitlines()[-1]
    assert "apt-get install" in line and "swiftly" in line
    assert {"pkg-config", "libssl-dev", "curl", "openssl", "perl-base"} <= set(re.split(r"[ ']", line))
    assert subprocess.run(["bash", "-n", "-c", line], timeout=10).returncode == 0


# certs/make-dev-certificate


def make_certificate(folder, *names):
    flags = [word for name in names for word in ("--name", name)]
    return subprocess.run(
        [ROOT / "certs/make-dev-certificate", *flags, folder], capture_output=True, text=True, timeout=30
    )


def names_in(certificate):
    command = ["openssl", "x509", "-in", certificate, "-noout", "-ext", "subjectAltName"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1]
    return {name.strip() for name in text.split(",")}


def test_certificates_are_made_for_other_names_and_kept_while_they_hold_them(tmp_path):
    folder = tmp_path / "a folder"
    assert make_certificate(folder).returncode == 0
    authority = (folder / "ca.pem").read_bytes()
    assert make_certificate(folder, "box.lan", "192.0.2.7", "2001:db8::7").returncode == 0
    expected = {"DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1", "DNS:box.lan"}
    assert names_in(folder / "certificate.pem") == expected | {
        "IP Address:192.0.2.7", "IP Address:2001:DB8:0:0:0:0:0:7"
    }
    first = (folder / "chain.pem").read_bytes()
    for names in [(), ("BOX.lan", "2001:db8::7")]:
        assert make_certificate(folder, *names).returncode == 0
        assert (folder / "chain.pem").read_bytes() == first
    assert make_certificate(folder, "other.lan").returncode == 0
    assert {"DNS:box.lan", "DNS:other.lan"} <= names_in(folder / "certificate.pem")
    assert (folder / "ca.pem").read_bytes() == authority


@pytest.mark.parametrize("name", ["", "a b", "a_b", "*.lan", "256.0.0.1", "1.2.3", "::g", "https://x", "x,DNS:y", "-x"])
def test_what_is_no_name_makes_no_certificate(tmp_path, name):
    result = make_certificate(tmp_path / "none", name)
    assert result.returncode == 64 and "no DNS name and no IP address" in result.stderr
    assert not (tmp_path / "none").exists()
