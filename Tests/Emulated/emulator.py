"""A machine with Debian's own kernel and systemd, every instruction of which is emulated: no right or device is needed.

All that containers share with this machine is real there: Landlock, control groups, filters of addresses, the clock.
"""

import concurrent.futures
import fcntl
import itertools
import json
import pathlib
import socket
import struct
import subprocess
import threading

from harness import eventually
from lab import ROOT_PATH, Failed, System, thread_in_network

# What the clients of this machine reach of it.
FORWARDED = [443]
# Its kernel's own, without the line for Landlock.
WITHOUT_LANDLOCK = "lsm=lockdown,yama,bpf"
MEMORY = "1536M"
# Lines of the console that a failure shows.
SHOWN = 60


class Emulator(System):
    """One booted machine; `close` switches it off."""

    def __init__(self, work, kernel, archive, disk, words=""):
        self.work = pathlib.Path(work)
        self.console = self.work / "console"
        self.numbers = itertools.count()
        self.answers, self.lock, self.gone = {}, threading.Lock(), threading.Event()
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{port}-:{port}" for port in FORWARDED)
        self.qemu = subprocess.Popen(
            [
                "unshare", "--net",
                "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", MEMORY,
                "-display", "none", "-no-reboot", "-monitor", "none", "-serial", f"file:{self.console}",
                "-kernel", kernel / "vmlinuz", "-initrd", archive,
                # The check of the timer counts its ticks within a few milliseconds, which a busy machine does not emulate.
                "-append", f"console=ttyS0 quiet panic=1 rdinit=/init net.ifnames=0 mitigations=off no_timer_check {words} "
                "systemd.show_status=0 systemd.log_level=warning",
                "-drive", f"file={disk},format=raw,if=virtio,snapshot=on",
                "-nic", f"user,model=virtio-net-pci,ipv6=off{forwards}",
                "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,path={self.work}/agent,server=on,wait=off",
                "-device", "virtserialport,chardev=agent,nr=1,name=agent",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.port = eventually(self.connected, "qemu has begun", within=20)
            self.ready = concurrent.futures.Future()
            threading.Thread(target=self.listen, daemon=True).start()
            self.wait_for(self.ready, 90, "the machine has booted")
            self.network = thread_in_network(self.qemu.pid)
            self.inside(raise_loopback)
        except BaseException:
            self.close()
            raise

    def connected(self):
        assert self.qemu.poll() is None, f"qemu ended:\n{self.qemu.stdout.read().decode()}"
        port = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            port.connect(f"{self.work}/agent")
            return port
        except OSError:
            port.close()
            return None

    def listen(self):
        """Hands each answer of the agent to whoever waits for it."""
        with self.port.makefile("rb") as lines:
            for line in lines:
                answer = json.loads(line)
                waiting = self.ready if "ready" in answer else self.answers.pop(answer["number"], None)
                if waiting:
                    waiting.set_result(answer)

    def wait_for(self, future, within, what):
        try:
            return future.result(within)
        except concurrent.futures.TimeoutError:
            raise AssertionError(f"not within {within} s: {what}\n{self.said()}") from None

    def said(self):
        """The end of what the console shows."""
        lines = self.console.read_text(errors="replace").replace("\r", "").splitlines() if self.console.exists() else []
        return "\n".join(lines[-SHOWN:])

    def run(self, *command, check=True, stdin="", env=None, within=60):
        """Runs a command to its end, as root; text in and out."""
        words = {"PATH": ROOT_PATH, "HOME": "/root", "LANG": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
        order = {
            "number": next(self.numbers), "command": [str(word) for word in command], "env": words | (env or {}),
            "stdin": stdin, "within": within,
        }
        shown = " ".join(order["command"])[:300]
        answer = self.answers[order["number"]] = concurrent.futures.Future()
        with self.lock:
            self.port.sendall(json.dumps(order).encode() + b"\n")
        # The machine ends it by itself; if it does not, it hangs.
        ran = self.wait_for(answer, within + 20, shown)
        assert ran["status"] is not None, f"not within {within} s: {shown}\n{self.said()}"
        if check and ran["status"] != 0:
            raise Failed(f"{shown}: status {ran['status']}\n{ran['out']}{ran['err']}")
        return subprocess.CompletedProcess(command, ran["status"], ran["out"], ran["err"])

    def read(self, path):
        return self.run("cat", path).stdout

    def write(self, path, text, mode="644", group="root"):
        self.run("install", "-m", mode, "-g", group, "/dev/stdin", path, stdin=text)

    def close(self):
        # Nothing on its disk is worth a shutdown.
        self.qemu.kill()
        self.qemu.wait()
        self.qemu.stdout.close()


def raise_loopback():
    """Makes this thread's network one in which 127.0.0.1 can be reached; there is nothing else in it."""
    SIOCSIFFLAGS, IFF_UP = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
