"""The files for containers and NixOS name what is there. No engine runs here: the image itself is not built."""
import json
import re
import subprocess

import pytest

from harness import ROOT

pytestmark = pytest.mark.core
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = (ROOT / "deploy/compose.yaml").read_text()
MODULE = ROOT / "deploy/nixos/portcullis.nix"


def instructions(word):
    return re.findall(rf"^{word}\s+(.*)$", DOCKERFILE, re.MULTILINE)


def test_what_the_image_copies_is_there():
    copied = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    assert copied
    for *sources, _ in copied:
        for source in sources:
            assert (ROOT / source).exists(), source


def test_the_image_has_the_packages_that_the_documents_name():
    sentence = re.search(r"only gets the binary needs the packages ([^.]*)\.", (ROOT / "deploy/docs/service.md").read_text())
    packages = re.findall(r"`([^`]+)`", sentence[1])
    last = instructions("RUN")[-1]
    assert packages and set(packages) <= set(last.split())


def test_the_image_runs_as_nobody_of_importance_and_is_asked_for_its_health():
    assert instructions("USER") == ["portcullis"]
    health = instructions("HEALTHCHECK")[0]
    port = instructions("EXPOSE")[0]
    assert f"https://localhost:{port}/health" in health and f":{port}" in instructions("CMD")[-1]
    assert f":{port}\"" in COMPOSE and "read_only: true" in COMPOSE and "cap_drop: [ALL]" in COMPOSE


def test_compose_builds_that_file_and_waits_longer_than_the_drain_limit():
    context = re.search(r"context: (\S+)\n\s+dockerfile: (\S+)", COMPOSE)
    assert (ROOT / "deploy" / context[1] / context[2]).resolve() == ROOT / "deploy/Dockerfile"
    seconds = int(re.search(r"stop_grace_period: (\d+)s", COMPOSE)[1])
    limit = re.search(r"`DRAIN_SECONDS` \|[^|]*\| seconds \| (\d+) ", (ROOT / "deploy/docs/settings.md").read_text())
    assert seconds > int(limit[1])


# What lies elsewhere in NixOS, or is another module's to say.
ELSEWHERE = {"NoExecPaths", "ExecPaths", "InaccessiblePaths"}


def test_the_module_restricts_what_the_unit_restricts():
    unit = (ROOT / "deploy/systemd/portcullis.service").read_text()
    service = unit[unit.index("[Service]"):unit.index("[Install]")]
    wanted = set(re.findall(r"^([A-Z]\w+)=", service, re.MULTILINE)) - ELSEWHERE
    given = set(re.findall(r"^\s+([A-Z]\w+) = ", MODULE.read_text(), re.MULTILINE))
    assert wanted <= given, wanted - given


# As much of nixpkgs as the module calls, without its checks of types.
NIXPKGS = """
let
  lib = {
    mkOption = option: option; mkEnableOption = text: text; mkIf = condition: value: value; mkDefault = value: value;
    toList = value: if builtins.isList value then value else [ value ];
    concatStrings = builtins.concatStringsSep ""; concatLists = builtins.concatLists;
    mapAttrsToList = each: set: map (name: each name set.${name}) (builtins.attrNames set);
    types = { package = 1; str = 1; port = 1; int = 1; attrsOf = type: 1; oneOf = types: 1; listOf = type: 1; };
  };
  module = import MODULE {
    inherit lib; pkgs.writeText = name: text: text;
    config.services.portcullis = {
      enable = true; package = "/package"; claude = "/claude"; port = 443;
      settings = module.config.services.portcullis.settings // { TLS_KEY = [ "/one" "/two" ]; };
    };
  };
in module.config.systemd.services.portcullis.serviceConfig.ExecStart
"""


def test_the_module_makes_a_command_of_its_settings(tmp_path):
    """Evaluated against a stand-in for nixpkgs, which is not at hand."""
    expression = NIXPKGS.replace("MODULE", str(MODULE))
    evaluated = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--json", "--expr", expression], capture_output=True, text=True, timeout=60,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "NIX_STATE_DIR": str(tmp_path / "state"), "NIX_STORE_DIR": str(tmp_path / "store")})
    assert evaluated.returncode == 0, evaluated.stderr
    command = json.loads(evaluated.stdout)
    assert command.startswith("/package/bin/portcullis serve --config ")
    assert {"LISTEN=[::]:443", "CLAUDE_PATH=/claude", "TLS_KEY=/one", "TLS_KEY=/two"} <= set(command.split(" ")[-1].split("\n"))
