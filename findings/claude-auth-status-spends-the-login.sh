#!/usr/bin/env bash
# `claude auth status` uses the login it reports on: it sends the refresh token away and writes the credentials anew.
#
# What a good engineer would guess: a command whose help says "Show authentication status" reads files and prints; a
#   health check may run it every minute, as root too, and stop it when it takes long.
# What happens: with an access token that has expired it posts the single-use refresh token to the vendor's token
#   endpoint, puts a new file in the place of .credentials.json (so after root has asked it is root's), and fetches the
#   account's profile. CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 does not change that. Stopped between the two it has
#   spent the login. Its answer does not depend on any of it.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64.
# Way out: run it with HTTPS_PROXY naming a port where nothing listens; it answers the same and changes nothing.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    claude-agent-sdk==0.2.189
python3 -m zipfile -e "$work"/claude_agent_sdk-*.whl "$work/sdk"
claude=$work/sdk/claude_agent_sdk/_bundled/claude
chmod 755 "$claude"

# A vendor of our own behind a proxy of our own: an authority for this run, and every host's name.
cd "$work"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=lab \
    -days 2 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out csr.pem -subj /CN=lab 2>/dev/null
openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 2>/dev/null \
    -extfile <(echo 'subjectAltName=DNS:api.anthropic.com,DNS:platform.claude.com,DNS:console.anthropic.com')

python3 - "$claude" <<'END'
import json, os, pathlib, socket, ssl, subprocess, sys, threading, time

claude, asked = sys.argv[1], []
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain("cert.pem", "key.pem")


def head_and_body(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += stream.recv(65536)
    return head.split(b"\r\n")[0].decode(), body.decode()


def serve(client):
    try:
        if head_and_body(client) is None:
            return
        client.sendall(b"HTTP/1.1 200 ok\r\n\r\n")
        with context.wrap_socket(client, server_side=True) as inner:
            while (request := head_and_body(inner)) is not None:
                asked.append(request)
                renewed = {"access_token": "NEW", "refresh_token": "NEXT", "expires_in": 28800,
                           "scope": "user:inference user:profile", "token_type": "Bearer"}
                token = "/oauth/token" in request[0]
                text = json.dumps(renewed if token else {"type": "error"}).encode()
                status = b"200 ok" if token else b"404 none"
                inner.sendall(b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                              % (status, len(text), text))
    except OSError:
        pass


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=lambda: [threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
                                 for _ in iter(int, 1)], daemon=True).start()


def status(proxy):
    folder = pathlib.Path(f"config-{len(os.listdir('.'))}").resolve()
    folder.mkdir()
    file = folder / ".credentials.json"
    file.write_text(json.dumps({"claudeAiOauth": {
        "accessToken": "OLD", "refreshToken": "ONCE", "expiresAt": int((time.time() - 3600) * 1000),
        "scopes": ["user:inference", "user:profile"], "subscriptionType": "max"}}))
    before, inode = len(asked), file.stat().st_ino
    done = subprocess.run([claude, "auth", "status", "--json"], capture_output=True, text=True, timeout=60, env={
        "HOME": str(folder), "PATH": "/usr/bin:/bin", "CLAUDE_CONFIG_DIR": str(folder), "HTTPS_PROXY": proxy,
        "NODE_EXTRA_CA_CERTS": os.path.abspath("ca.pem"), "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"})
    oauth = json.loads(file.read_text())["claudeAiOauth"]
    is_new = file.stat().st_ino != inode
    return json.loads(done.stdout)["loggedIn"], oauth["accessToken"], oauth["refreshToken"], is_new, asked[before:]


print(subprocess.run([claude, "--version"], capture_output=True, text=True, env={"HOME": os.getcwd()}).stdout.strip())
open_way = status(f"http://127.0.0.1:{listener.getsockname()[1]}")
cut_off = status("http://127.0.0.1:1")
for name, (is_in, access, refresh, is_new, requests) in (("network", open_way), ("no network", cut_off)):
    print(f"{name}: loggedIn {is_in}, stored access token {access}, refresh token {refresh}, new file {is_new}, asked",
          [line for line, _ in requests])
assert open_way[:4] == (True, "NEW", "NEXT", True), open_way
assert any("/v1/oauth/token" in line and '"ONCE"' in body for line, body in open_way[4]), open_way
assert cut_off == (True, "OLD", "ONCE", False, []), cut_off
END
