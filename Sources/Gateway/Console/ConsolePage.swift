import CConsole
import COpenSSL
import HTTP

/// The console: one page that holds its style and its script, is the same for everybody and keeps no secret.
enum ConsolePage {
    /// The document as it is served.
    static let body: [UInt8] = {
        var page: [UInt8] = []
        for piece in pieces(of: document) {
            switch piece {
            case .text(let bytes): page += bytes
            case .style: page += style
            case .script: page += script
            }
        }
        return page
    }()

    /// What browsers may do with it: run this script and show this style, ask this server, and nothing else. Text never
    /// becomes a document: no page of this kind makes HTML from strings (`trusted-types 'none'`).
    static let policy = [
        "default-src 'none'", "script-src 'sha256-\(digest(of: script))'", "style-src 'sha256-\(digest(of: style))'",
        "connect-src 'self'", "img-src data: blob: 'self'", "base-uri 'none'", "form-action 'none'",
        "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
    ].joined(separator: "; ")

    /// The fields of its answer, but for those that all answers have.
    static let fields: [(FieldName, String)] = [
        (.contentType, "text/html; charset=utf-8"),
        // A newer release has another page.
        (.cacheControl, "no-cache"),
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"),
    ]

    // MARK: - Parts

    private enum Piece {
        case text(ArraySlice<UInt8>)
        case style, script
    }

    private static let document = unsafe part(portcullis_console_document)
    private static let style = unsafe part(portcullis_console_style)
    private static let script = unsafe part(portcullis_console_script)

    /// Where style and script go in the document.
    private static func pieces(of document: [UInt8]) -> [Piece] {
        var pieces: [Piece] = []
        var rest = document[...]
        for (mark, piece) in [("/*style*/", Piece.style), ("/*script*/", Piece.script)] {
            guard let place = rest.firstRange(of: Array(mark.utf8)) else { continue }
            pieces += [.text(rest[..<place.lowerBound]), piece]
            rest = rest[place.upperBound...]
        }
        return pieces + [.text(rest)]
    }

    /// The bytes are the program's own, for as long as it runs.
    private static func part(_ find: (UnsafeMutablePointer<Int>?) -> UnsafePointer<UInt8>?) -> [UInt8] {
        var count = 0
        return unsafe Array(UnsafeBufferPointer(start: find(&count), count: count))
    }

    /// SHA-256 in base64, as policies name an inline element (CSP 3 §2.3.1); empty, so that nothing is allowed, where the
    /// library fails.
    private static func digest(of bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        var text = [UInt8](repeating: 0, count: 45)
        guard unsafe EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil) == 1 else { return "" }
        let length = unsafe EVP_EncodeBlock(&text, digest, Int32(digest.count))
        return String(decoding: text.prefix(Int(length)), as: UTF8.self)
    }
}
