"""Runs in the emulated machine: does what is asked on its serial port, a line of JSON for each command and each answer.

Commands run beside each other. Each has a time after which it is ended, so that none is left behind.
"""

import fcntl
import glob
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

# What the machine is called: by its only neighbour, and as the metadata service of a cloud that it has not.
ADDRESSES = {"eth0": ("10.0.2.15", "255.255.255.0"), "lo:metadata": ("169.254.169.254", "255.255.255.255")}
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x891C, 0x8914, 1


def join_network():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for name, words in ADDRESSES.items():
            for request, word in zip((SIOCSIFADDR, SIOCSIFNETMASK), words):
                address = struct.pack("16sHH4s8x", name.encode(), socket.AF_INET, 0, socket.inet_aton(word))
                fcntl.ioctl(control, request, address)
            fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), IFF_UP))


class Port:
    """The serial port, which can be opened once."""

    def __init__(self):
        [path] = glob.glob("/dev/vport*p1")
        self.file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.lock = threading.Lock()

    def lines(self):
        rest = b""
        while piece := os.read(self.file, 65536):
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole

    def say(self, message):
        data = json.dumps(message).encode() + b"\n"
        with self.lock:
            while data:
                data = data[os.write(self.file, data) :]


def done(order):
    """What became of a command."""
    try:
        process = subprocess.Popen(
            order["command"],
            env=order["env"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return {"status": 127, "out": "", "err": f"{error}\n"}
    try:
        out, err = process.communicate(order["stdin"], order["within"])
        return {"status": process.returncode, "out": out, "err": err}
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return {"status": None, "out": "", "err": ""}


def main():
    join_network()
    port = Port()
    port.say({"ready": sys.version})
    for line in port.lines():
        order = json.loads(line)
        threading.Thread(target=lambda order=order: port.say({"number": order["number"], **done(order)})).start()


main()
