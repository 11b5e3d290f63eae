import Vocabulary

/// Images and files as OpenAI's dialects bring them: data URLs and links.
///
/// A link is passed on for the vendor to fetch; this program never fetches one.
enum Attachment {
    /// An image from its URL.
    static func image(url value: JSONValue) throws(Refusal) -> Block {
        let url = try value.requireText()
        if isLink(url) { return .image(source: link(url)) }
        let data = try DataURL(url, at: value)
        guard data.mediaType.hasPrefix("image/") else {
            throw value.invalid("must be an image, not \(data.mediaType)")
        }
        return .image(source: data.source)
    }

    /// A file from its data: a document, an image or a text, by its media type.
    ///
    /// Data without a `data:` prefix is base64 of a PDF, the one kind of file for which clients leave it
    /// away.
    static func file(data value: JSONValue, name: JSONText?) throws(Refusal) -> Block {
        let text = try value.requireText()
        guard DataURL.isDataURL(text) else {
            return document(base64(mediaType: "application/pdf", text), name)
        }
        let data = try DataURL(text, at: value)
        if data.mediaType.hasPrefix("image/") { return .image(source: data.source) }
        if data.mediaType == "application/pdf" { return document(data.source, name) }
        if data.isText {
            guard let bytes = Base64.decode(data.content),
                let content = String(validating: bytes, as: UTF8.self)
            else { throw value.invalid("must be base64 of UTF-8 text") }
            return document(plainText(JSONText(content)), name)
        }
        throw value.invalid("files of type \(data.mediaType) are not supported")
    }

    /// A document from its link.
    static func file(url value: JSONValue, name: JSONText?) throws(Refusal) -> Block {
        let url = try value.requireText()
        guard isLink(url) else { throw value.invalid("must be an https URL") }
        return document(link(url), name)
    }

    /// The image of an `input_image` part.
    static func image(of part: JSONValue) throws(Refusal) -> Block {
        if let id = part.optional("file_id") { throw notKept(id, "image_url") }
        return try image(url: part.required("image_url"))
    }

    /// The file of an `input_file` part, or of what holds the same members.
    static func file(of part: JSONValue) throws(Refusal) -> Block {
        if let id = part.optional("file_id") { throw notKept(id, "file_data or file_url") }
        let name = try part.optional("filename")?.requireText()
        if let url = part.optional("file_url") { return try file(url: url, name: name) }
        return try file(data: part.required("file_data"), name: name)
    }

    private static func notKept(_ id: JSONValue, _ instead: String) -> Refusal {
        id.invalid("files are not kept here; send the content in \(instead)")
    }

    private static func isLink(_ url: JSONText) -> Bool {
        let scheme = String(decoding: url.escaped.prefix(8), as: UTF8.self).lowercased()
        return scheme.hasPrefix("https:") || scheme.hasPrefix("http:")
    }

    private static func link(_ url: JSONText) -> JSONFragment {
        object { writer in
            writer.member("type", literal: "url")
            writer.member("url", url)
        }
    }

    fileprivate static func base64(mediaType: String, _ data: JSONText) -> JSONFragment {
        object(capacity: data.escaped.count + 80) { writer in
            writer.member("type", literal: "base64")
            writer.member("media_type", mediaType)
            writer.member("data", data)
        }
    }

    private static func plainText(_ text: JSONText) -> JSONFragment {
        object { writer in
            writer.member("type", literal: "text")
            writer.member("media_type", literal: "text/plain")
            writer.member("data", text)
        }
    }

    private static func document(_ source: JSONFragment, _ name: JSONText?) -> Block {
        .document(
            object(capacity: source.bytes.count + 80) { writer in
                writer.member("type", literal: "document")
                writer.member("source", source)
                if let name, !name.isEmpty {
                    writer.member("title", name)
                }
            }
        )
    }

    private static func object(capacity: Int = 64, _ write: (inout JSONWriter) -> Void) -> JSONFragment {
        var writer = JSONWriter()
        writer.bytes.reserveCapacity(capacity)
        writer.beginObject()
        write(&writer)
        writer.endObject()
        return JSONFragment(validated: writer.bytes[...])
    }
}

/// `data:image/png;base64,…` (RFC 2397), base64 only.
private struct DataURL {
    /// The media type in lower case, without parameters.
    let mediaType: String
    /// The base64 text.
    let content: JSONText

    init(_ text: JSONText, at value: JSONValue) throws(Refusal) {
        guard Self.isDataURL(text) else { throw value.invalid("must be a data: URL or an https: URL") }
        guard let comma = text.escaped.prefix(256).firstIndex(of: UInt8(ascii: ",")) else {
            throw value.invalid("is not a complete data: URL")
        }
        // Some encoders write "/" as "\/": that matters to the media type, and is as good in JSON for the
        // content.
        let escaped = JSONText(escaped: text.escaped[..<comma].dropFirst(5), hasEscapes: text.hasEscapes)
        let head = escaped.string.lowercased()
        let parts = head.split(separator: ";", omittingEmptySubsequences: false)
        guard parts.count > 1, parts.last == "base64", let type = parts.first else {
            throw value.invalid("must be a data: URL with base64 content")
        }
        mediaType = type.isEmpty ? "text/plain" : String(type)
        content = JSONText(escaped: text.escaped[(comma + 1)...], hasEscapes: text.hasEscapes)
        guard !content.isEmpty else { throw value.invalid("must not be empty") }
    }

    static func isDataURL(_ text: JSONText) -> Bool {
        String(decoding: text.escaped.prefix(5), as: UTF8.self).lowercased() == "data:"
    }

    var source: JSONFragment { Attachment.base64(mediaType: mediaType, content) }

    /// True for what a model reads as plain text.
    var isText: Bool {
        mediaType.hasPrefix("text/") || mediaType.hasSuffix("+json") || mediaType.hasSuffix("+xml")
            || [
                "application/json", "application/xml", "application/yaml", "application/x-yaml",
                "application/toml", "application/javascript", "application/sql", "application/x-sh",
            ].contains(mediaType)
    }
}

/// Base64 (RFC 4648 §4), padding optional.
private enum Base64 {
    static func decode(_ text: JSONText) -> [UInt8]? {
        let text = text.hasEscapes ? Array(text.string.utf8)[...] : text.escaped
        var out: [UInt8] = []
        out.reserveCapacity(text.count / 4 * 3)
        var bits: UInt32 = 0
        var held = 0
        for byte in text {
            if byte == UInt8(ascii: "=") { break }
            guard let value = value(of: byte) else { return nil }
            bits = bits << 6 | UInt32(value)
            held += 6
            if held >= 8 {
                held -= 8
                out.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
            }
        }
        return out
    }

    private static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
