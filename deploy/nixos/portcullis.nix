# Portcullis as a service of NixOS. `package` is a build of this source, `claude` the vendor's program.
#
#   imports = [ ./portcullis.nix ];
#   services.portcullis = {
#     enable = true;
#     package = …; claude = "${…}/bin/claude";
#     settings = { TLS_CERTIFICATE = "/etc/portcullis/tls.crt"; TLS_KEY = "/etc/portcullis/tls.key"; };
#   };
{ config, lib, pkgs, ... }:
let
  cfg = config.services.portcullis;
  line = name: value: map (each: "${name}=${toString each}\n") (lib.toList value);
  file = pkgs.writeText "portcullis.conf" (lib.concatStrings (lib.concatLists (lib.mapAttrsToList line cfg.settings)));
in
{
  options.services.portcullis = {
    enable = lib.mkEnableOption "Portcullis, an HTTPS gateway in front of the Claude Code CLI";
    package = lib.mkOption {
      type = lib.types.package;
      description = "The build whose bin/portcullis is run.";
    };
    claude = lib.mkOption {
      type = lib.types.str;
      description = "The claude program.";
    };
    port = lib.mkOption {
      type = lib.types.port;
      default = 443;
      description = "Where it listens, on all addresses.";
    };
    settings = lib.mkOption {
      type = lib.types.attrsOf (lib.types.oneOf [ lib.types.str lib.types.int (lib.types.listOf lib.types.str) ]);
      default = { };
      description = "Settings by their names; a list stands for one line each. The file is readable by everybody: no secrets.";
    };
  };

  config = lib.mkIf cfg.enable {
    services.portcullis.settings = {
      LISTEN = lib.mkDefault "[::]:${toString cfg.port}";
      CLAUDE_PATH = lib.mkDefault cfg.claude;
      STATE_DIR = lib.mkDefault "/var/lib/portcullis";
      CLAUDE_CONFIG_DIR = lib.mkDefault "/var/lib/portcullis/claude";
      API_KEYS_FILE = lib.mkDefault "/etc/portcullis/api-keys";
      CLI_ENV_FILE = lib.mkDefault "/etc/portcullis/cli.env";
      # Programs and libraries lie in the store here.
      SANDBOX_PATHS = lib.mkDefault "/nix/store";
    };

    users.users.portcullis = { isSystemUser = true; group = "portcullis"; };
    users.groups.portcullis = { };

    systemd.sockets.portcullis = {
      description = "Portcullis HTTPS port";
      wantedBy = [ "sockets.target" ];
      socketConfig = {
        ListenStream = cfg.port;
        FileDescriptorName = "https";
        Backlog = 4096;
        NoDelay = true;
        TriggerLimitIntervalSec = 0;
      };
    };

    systemd.services.portcullis = {
      description = "Portcullis, an HTTPS gateway in front of the Claude Code CLI";
      requires = [ "portcullis.socket" ];
      after = [ "portcullis.socket" "network-online.target" "nss-lookup.target" ];
      wants = [ "network-online.target" ];
      wantedBy = [ "multi-user.target" ];
      startLimitIntervalSec = 0;
      serviceConfig = {
        Type = "notify";
        NotifyAccess = "main";
        ExecStart = "${cfg.package}/bin/portcullis serve --config ${file}";
        ExecReload = "${cfg.package}/bin/portcullis reload --config ${file}";
        Restart = "always";
        RestartSec = "500ms";
        RestartPreventExitStatus = 78;
        TimeoutStartSec = "75s";
        TimeoutStopSec = "90s";
        WatchdogSec = "10s";
        KillMode = "mixed";
        OOMPolicy = "continue";
        User = "portcullis";
        Group = "portcullis";
        StateDirectory = "portcullis";
        StateDirectoryMode = "0700";
        RuntimeDirectory = "portcullis";
        RuntimeDirectoryMode = "0700";
        UMask = "0077";
        NoNewPrivileges = true;
        CapabilityBoundingSet = "";
        AmbientCapabilities = "";
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
        PrivateDevices = true;
        DevicePolicy = "closed";
        PrivateUsers = true;
        PrivateIPC = true;
        PrivateMounts = true;
        ProtectProc = "invisible";
        ProcSubset = "pid";
        ProtectKernelTunables = true;
        ProtectKernelModules = true;
        ProtectKernelLogs = true;
        Delegate = "memory pids cpu";
        ProtectClock = true;
        ProtectHostname = true;
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        RemoveIPC = true;
        LockPersonality = true;
        KeyringMode = "private";
        RestrictAddressFamilies = [ "AF_UNIX" "AF_INET" "AF_INET6" ];
        SystemCallArchitectures = "native";
        SystemCallFilter = [
          "@system-service"
          "landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp pidfd_getfd"
          "~@privileged @resources"
          "~io_uring_setup io_uring_enter io_uring_register userfaultfd perf_event_open"
        ];
        SystemCallErrorNumber = "EPERM";
        MemoryDenyWriteExecute = true;
        IPAddressDeny = [ "link-local" "multicast" ];
        LimitNOFILE = 65536;
        LimitCORE = 0;
        TasksMax = 4096;
        MemoryHigh = "75%";
        MemoryMax = "85%";
        MemorySwapMax = 0;
      };
    };
  };
}
