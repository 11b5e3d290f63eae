/// The path that a request means, whatever an app has made of its base URL.
///
/// Apps put their own `/v1` behind one that is already there, and slashes where there are some. No percent sign or dot
/// is read, so that no path means anything that its bytes do not say.
enum PlainPath {
    /// The path without doubled slashes, a slash at its end and versions in front; the root is `/`.
    static func of(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard path.first == slash else { return path }
        var plain = hasDoubledSlash(path) ? collapsed(path) : path
        if plain.count > 1, plain.last == slash { plain = plain.dropLast() }
        while plain.starts(with: version), plain.count == version.count || plain.dropFirst(version.count).first == slash {
            plain = plain.dropFirst(version.count)
        }
        return plain.isEmpty ? root : plain
    }

    private static func hasDoubledSlash(_ path: ArraySlice<UInt8>) -> Bool {
        zip(path, path.dropFirst()).contains { $0 == slash && $1 == slash }
    }

    private static func collapsed(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(path.count)
        for byte in path where !(byte == slash && bytes.last == slash) { bytes.append(byte) }
        return bytes[...]
    }

    private static let slash = UInt8(ascii: "/")
    private static let version = Array("/v1".utf8)
    private static let root = Array("/".utf8)[...]
}
