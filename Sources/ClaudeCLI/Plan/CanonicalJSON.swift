import Vocabulary

/// JSON values in one spelling: keys sorted, escapes resolved, numbers by their value.
enum CanonicalJSON {
    /// Appends a value; what is no JSON is appended as it stands.
    static func append(_ fragment: JSONFragment, to bytes: inout [UInt8]) {
        guard let document = try? JSONDocument(parsing: Array(fragment.bytes)) else {
            bytes.append(contentsOf: fragment.bytes)
            return
        }
        append(document.root, to: &bytes)
    }

    private static func append(_ value: JSONValue, to bytes: inout [UInt8]) {
        switch value.kind {
        case .object:
            bytes.append(UInt8(ascii: "{"))
            let members = value.members.map { (key: $0.key.string, value: $0.value) }
            // The last of a repeated key counts, as it does for those who read it; the order among them is kept.
            for member in members.enumerated().sorted(by: { ($0.element.key, $0.offset) < ($1.element.key, $1.offset) }) {
                append(member.element.key, to: &bytes)
                append(member.element.value, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .array:
            bytes.append(UInt8(ascii: "["))
            for element in value.elements { append(element, to: &bytes) }
            bytes.append(UInt8(ascii: "]"))
        case .string: append(value.text?.string ?? "", to: &bytes)
        case .number:
            bytes.append(contentsOf: number(value).utf8)
            bytes.append(UInt8(ascii: ","))
        case .bool: bytes.append(UInt8(ascii: value.bool == true ? "t" : "f"))
        case .null: bytes.append(UInt8(ascii: "n"))
        }
    }

    /// UTF-8 has no byte 0xFF, so that no text can pass for two.
    private static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: text.utf8)
        bytes.append(0xFF)
    }

    /// Whole numbers by their digits, which a floating-point number may not hold; others by their value.
    private static func number(_ value: JSONValue) -> String {
        let text = String(decoding: value.fragment.bytes, as: UTF8.self)
        guard text.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") }),
            let double = value.double
        else { return text }
        if double.magnitude < 9_007_199_254_740_992, double == double.rounded() { return String(Int(double)) }
        return "\(double)"
    }
}
