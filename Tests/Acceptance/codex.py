"""The real Codex as a client: its own programs out of their Python packages, each with a home of its own."""
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

# An old one and a new one: between them lie the changes that broke others.
PACKAGES = {"0.147": "codex-bin", "0.163": "openai-codex-cli-bin"}
# Codex chooses the form of its requests by the model's name: one it does not know, an older one of its own, and one of
# those that it runs in its "code mode", where tools come in an item of the conversation.
FALLBACK, OLDER, LITE = "claude-haiku-4-5", "gpt-5.5", "gpt-5.6-sol"
ALIASES = {"MODEL_ALIASES": f"{OLDER}=claude-haiku-4-5,{LITE}=claude-haiku-4-5"}


def program(version):
    """The path of the program of that version."""
    distribution = importlib.metadata.distribution(PACKAGES[version])
    [path] = [file for file in distribution.files if file.name == "codex"]
    return pathlib.Path(distribution.locate_file(path)).resolve()


class Codex:
    """One user of Codex who works with a gateway."""

    def __init__(self, version, folder, gateway, model, servers=(), built_in=False, by_command=False, settings=""):
        self.program, self.gateway, self.model = program(version), gateway, model
        self.home, self.work = folder / "codex", folder / "project"
        self.home.mkdir()
        self.work.mkdir()
        lines = [f'model = "{model}"', 'approval_policy = "never"', 'sandbox_mode = "danger-full-access"', settings]
        if built_in:
            lines.append(f'openai_base_url = "{gateway.url}/v1"')
        else:
            lines.append('model_provider = "portcullis"')
        # Nothing of it looks for hosts of its own vendor.
        lines += ["[features]", "plugins = false", "remote_plugin = false", "[analytics]", "enabled = false"]
        if not built_in:
            lines += [
                "[model_providers.portcullis]", 'name = "Portcullis"', f'base_url = "{gateway.url}/v1"',
                'wire_api = "responses"',
            ]
            # With a command for its key it also asks which models there are.
            lines += ["[model_providers.portcullis.auth]", 'command = "/bin/echo"', f'args = ["{gateway.key}"]'] if by_command else [
                'env_key = "PORTCULLIS_KEY"']
        for name in servers:
            arguments = json.dumps([str(pathlib.Path(__file__).with_name("mcp_servers.py"))])
            lines += [f"[mcp_servers.{name}]", f"command = {json.dumps(sys.executable)}", f"args = {arguments}"]
            # Codex begins its turn without the tools of a server that is not up by then, unless it is told to wait for it.
            lines += ["required = true", "startup_timeout_sec = 30"]
        (self.home / "config.toml").write_text("\n".join(lines) + "\n")
        key = "OPENAI_API_KEY" if built_in else "PORTCULLIS_KEY"
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "CODEX_HOME": str(self.home), "TMPDIR": str(folder),
            key: gateway.key, "SSL_CERT_FILE": str(gateway.ca), "CODEX_CA_CERTIFICATE": str(gateway.ca),
        }
        if built_in:
            self.env["CODEX_API_KEY"] = gateway.key

    def run(self, prompt, *arguments, within=60, resume=False):
        """Runs one turn; the events that it prints, one JSON object each, and its status."""
        words = [str(self.program), "exec", "--json", "--skip-git-repo-check", "-C", str(self.work)]
        words += ["resume", "--last", *arguments] if resume else [*arguments]
        done = subprocess.run(
            [*words, "-"], input=prompt, capture_output=True, text=True, timeout=within, env=self.env, cwd=self.work)
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return Turn(events, done.returncode, done.stderr)


class Turn:
    """What Codex did in one turn."""

    def __init__(self, events, status, complaints):
        self.events, self.status, self.complaints = events, status, complaints

    def items(self, kind):
        return [
            event["item"] for event in self.events
            if event["type"] == "item.completed" and event["item"]["type"] == kind
        ]

    @property
    def texts(self):
        return [item["text"] for item in self.items("agent_message")]

    @property
    def errors(self):
        return [event.get("message") or event["error"]["message"]
                for event in self.events if event["type"] in ("error", "turn.failed")]

    def __repr__(self):
        return json.dumps(self.events, indent=1)[-6000:] + self.complaints[-3000:]
