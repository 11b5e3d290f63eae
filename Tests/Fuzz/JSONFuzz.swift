// modules: Vocabulary
import Vocabulary

/// Any bytes: the document and the reader must agree on what is JSON, and what is accepted must survive being
/// walked, resolved, written and read again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    let isText = String(validating: bytes, as: UTF8.self) != nil
    let document = try? JSONDocument(parsing: bytes)
    precondition((document != nil) == (isText && isSkipped(bytes)), "document and reader disagree")
    guard let document else { return 0 }
    walk(document.root)
    var writer = JSONWriter()
    writer.fragment(document.root.fragment)
    precondition(!writer.bytes.contains(0x0A), "a fragment is written on one line")
    precondition((try? JSONDocument(parsing: writer.bytes)) != nil, "what is written is JSON")
    return 0
}

private func isSkipped(_ bytes: [UInt8]) -> Bool {
    do {
        var reader = JSONReader(bytes.span)
        _ = try reader.skip()
        try reader.end()
        return true
    } catch {
        return false
    }
}

private func walk(_ value: JSONValue) {
    if let text = value.text {
        let again = JSONText(text.string)
        precondition(again.string == text.string, "escaping and resolving are inverse")
    }
    _ = (value.integer, value.double, value.bool)
    for element in value.elements { walk(element) }
    for (key, member) in value.members {
        _ = key.string
        walk(member)
    }
}
