extension Setting {
    static let conversations: [Setting] = [
        Setting(
            "CONVERSATIONS", .conversations, .boolean(\.conversations.isKeeping),
            "Keep conversations that a request names, so that the next one need only bring what is new. Off: no name "
                + "means anything, and `x-conversation-id` is refused."),
        Setting(
            "CONVERSATION_KEEP_DAYS", .conversations, .whole(1...3650, "days", \.conversations.keepDays),
            "How long a conversation is kept that nobody goes on with."),
        Setting(
            "CONVERSATIONS_MAX_BYTES", .conversations, .size((1 << 20)...(1 << 40), \.conversations.maxBytes),
            "All conversations together; those that nobody has used for longest go first."),
        Setting(
            "CONVERSATIONS_MAX_BYTES_PER_KEY", .conversations,
            .size((1 << 20)...(1 << 40), \.conversations.maxBytesPerKey),
            "The same for those of one key."),
    ]
}
