"""What listens in the emulated machine beside the service, for children that try to reach it: neighbours.py FOLDER

FOLDER then has a socket, and a file with two ports of this machine.
"""

import pathlib
import selectors
import socket
import sys


def listening(folder):
    yield socket.create_server(("127.0.0.1", 0))
    yield socket.create_server(("127.0.0.1", 0))
    # Where a cloud hands out the machine's own rights.
    yield socket.create_server(("169.254.169.254", 80))
    for address in (f"{folder}/socket", "\0neighbour"):
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        server.listen(16)
        yield server


def main(folder):
    selector = selectors.DefaultSelector()
    servers = list(listening(folder))
    for server in servers:
        selector.register(server, selectors.EVENT_READ)
    pathlib.Path(folder, "ports").write_text(f"{servers[0].getsockname()[1]} {servers[1].getsockname()[1]}\n")
    while True:
        for key, _ in selector.select():
            key.fileobj.accept()[0].close()


main(sys.argv[1])
