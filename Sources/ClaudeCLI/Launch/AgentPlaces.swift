import Platform

/// What programs of a workspace's shell may read and run beside the workspace: what an operating system offers all its users.
enum AgentPlaces {
    /// What of them is none of the hidden places.
    static func grants(hiding hidden: HiddenPlaces) -> [Walls.Grant] {
        programs.flatMap { hidden.grants($0, [.read, .execute]) } + texts.flatMap { hidden.grants($0, .read) }
    }

    private static let programs = [
        "/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/nix/store", "/gnu/store", "/run/current-system/sw",
    ]

    /// Not among them: /etc as a whole, where keys and passwords are too. The list of users has none of either, and many
    /// programs ask it who runs them.
    private static let texts = [
        "/etc/passwd", "/etc/group", "/etc/alternatives", "/etc/profile", "/etc/profile.d", "/etc/bash.bashrc",
        "/etc/bash_completion.d", "/etc/inputrc", "/etc/terminfo", "/etc/os-release", "/etc/lsb-release",
        "/etc/debian_version", "/etc/timezone", "/etc/mime.types", "/etc/magic", "/etc/fonts", "/etc/python3", "/etc/perl",
        "/etc/java-17-openjdk", "/etc/java-21-openjdk", "/etc/maven", "/etc/ImageMagick-6", "/etc/ImageMagick-7",
        "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/manpath.config", "/etc/papersize", "/etc/paperspecs",
        "/etc/texmf", "/etc/php", "/etc/emacs", "/etc/vim", "/etc/nanorc", "/etc/R", "/etc/mailcap", "/etc/rpc",
        "/etc/ethertypes", "/proc/uptime", "/proc/filesystems", "/proc/sys/kernel/random",
        "/proc/sys/kernel/ngroups_max", "/proc/sys/kernel/cap_last_cap", "/proc/sys/kernel/pid_max",
    ]
}
