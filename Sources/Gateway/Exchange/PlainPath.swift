/// The path that a request means, whatever an app has made of its base URL.
///
/// Apps put their own `/v1` behind one that is already there, and slashes where there are some. No percent sign or dot
/// is read, so that no path means anything that its bytes do not say.
enum PlainPath {
    /// The path without doubled slashes, a slash at its end, and versions or a base URL's `/chat` in front; the root is `/`.
    static func of(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard path.first == slash else { return path }
        var plain = hasDoubledSlash(path.span) ? collapsed(path) : path
        if plain.count > 1, plain.last == slash { plain = plain.dropLast() }
        while true {
            if beginsWithVersion(plain.span) {
                plain = plain.dropFirst(versionBytes)
            } else if beginsWithChat(plain.span) {
                plain = plain.dropFirst(chat.count)
            } else {
                break
            }
        }
        return plain.isEmpty ? root : plain
    }

    // By index: it is done for each request, and algorithms over sequences cost more than the rest of it.

    private static func hasDoubledSlash(_ path: Span<UInt8>) -> Bool {
        for index in 1..<path.count where path[index] == slash && path[index - 1] == slash { return true }
        return false
    }

    /// True for `/v1` and for what lies below it.
    private static func beginsWithVersion(_ path: Span<UInt8>) -> Bool {
        path.count >= versionBytes && path[0] == slash && path[1] == UInt8(ascii: "v") && path[2] == UInt8(ascii: "1")
            && (path.count == versionBytes || path[versionBytes] == slash)
    }

    /// True for `/chat` of a base URL, as one wrapper's users have it, before what an OpenAI client puts behind it.
    private static func beginsWithChat(_ path: Span<UInt8>) -> Bool {
        guard begins(path, with: chat.span) else { return false }
        let rest = path.extracting(chat.count...)
        for start in behindChat where begins(rest, with: start.span) {
            if rest.count == start.count || rest[start.count] == slash { return true }
        }
        return false
    }

    private static func begins(_ path: Span<UInt8>, with start: Span<UInt8>) -> Bool {
        guard path.count >= start.count else { return false }
        for index in 0..<start.count where path[index] != start[index] { return false }
        return true
    }

    private static func collapsed(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(path.count)
        for byte in path where !(byte == slash && bytes.last == slash) { bytes.append(byte) }
        return bytes[...]
    }

    private static let chat = Array("/chat".utf8)
    private static let behindChat = ["/chat", "/models", "/v1"].map { Array($0.utf8) }
    private static let slash = UInt8(ascii: "/")
    private static let versionBytes = 3
    private static let root = Array("/".utf8)[...]
}
