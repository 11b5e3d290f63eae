extension Setting {
    static let responses: [Setting] = [
        Setting(
            "RESPONSES_STORE", .responses, .boolean(\.responses.isStoring),
            "Store what `/v1/responses` answers, unless a request says `store: false`. Off: nothing is stored, "
                + "and nothing that was is found."),
        Setting(
            "RESPONSES_KEEP_DAYS", .responses, .whole(1...3650, "days", \.responses.keepDays),
            "How long a stored response can be found and continued."),
        Setting(
            "RESPONSES_MAX_BYTES", .responses, .size((1 << 20)...(1 << 40), \.responses.maxBytes),
            "All stored responses together; the conversations that nobody has continued for longest go first."),
    ]
}
