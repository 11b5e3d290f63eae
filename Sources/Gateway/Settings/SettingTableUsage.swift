extension Setting {
    static let usage: [Setting] = [
        Setting(
            "USAGE_KEEP_DAYS", .usage, .whole(62...3650, "days", \.usage.keepDays),
            "How long it is known what keys used, by hours for 40 days and by days after that."),
        Setting(
            "METRICS_LISTEN", .usage, .watchAddress,
            "A second address, on loopback or a Unix socket, where `/metrics`, `/health` and `/readyz` are told over plain "
                + "HTTP to everybody who can reach it.", fallback: "none"),
        Setting(
            "METRICS_BY_KEY", .usage, .boolean(\.metrics.isByKey),
            "Give each key rows of its own in `/metrics`, with its name."),
    ]
}
