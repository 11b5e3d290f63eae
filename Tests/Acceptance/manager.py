"""A service manager's end of the notification socket."""
import os
import socket
import threading


class Manager:
    """Keeps what it is told, and the descriptors that it is given by name."""

    def __init__(self, path):
        self.path = str(path)
        self.messages = []
        self.stored = {}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                message, descriptors, *_ = socket.recv_fds(self.socket, 65536, 16)
            except OSError:
                return
            text = message.decode()
            fields = dict(line.split("=", 1) for line in text.split("\n") if "=" in line)
            name = fields.get("FDNAME", "stored")
            if "FDSTOREREMOVE" in fields:
                self.drop(name)
            self.stored.setdefault(name, []).extend(descriptors)
            self.messages.append(text)

    def drop(self, name):
        for number in self.stored.pop(name, []):
            os.close(number)

    def close(self):
        self.socket.close()
        for name in list(self.stored):
            self.drop(name)

    def heard(self, text, since=0):
        return any(text in message.split("\n") for message in self.messages[since:])

    def values(self, name):
        """What it was told under that name, in order."""
        lines = [line for message in self.messages for line in message.split("\n")]
        return [line.split("=", 1)[1] for line in lines if line.startswith(f"{name}=")]
