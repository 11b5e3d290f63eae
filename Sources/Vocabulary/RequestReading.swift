/// Typed access to a request's fields: what is missing or of the wrong type is refused by its path.
extension JSONValue {
    /// The value of a key, or nil where it is missing or null.
    public func optional(_ key: StaticString) -> JSONValue? {
        guard let value = self[key], !value.isNull else { return nil }
        return value
    }

    /// The value of a key that must be there.
    public func required(_ key: StaticString) throws(Refusal) -> JSONValue {
        guard let value = optional(key) else {
            let path = path.isEmpty ? "\(key)" : "\(path).\(key)"
            throw Refusal(.invalidRequest, "\(path): Field required", param: path)
        }
        return value
    }

    /// This value, when it is of the given kind.
    public func expect(_ kind: JSONReader.Kind) throws(Refusal) -> JSONValue {
        guard self.kind == kind else { throw wrongType("\(kind)") }
        return self
    }

    /// The string it is.
    public func requireText() throws(Refusal) -> JSONText {
        guard let text else { throw wrongType("string") }
        return text
    }

    /// The string it is, as a Swift string.
    public func requireString() throws(Refusal) -> String { try requireText().string }

    /// The whole number it is, within `range`. `10.0` is one: programs that keep their settings as floats send it.
    public func requireInteger(in range: ClosedRange<Int> = Int.min...Int.max) throws(Refusal) -> Int {
        guard let integer = integer ?? double.flatMap(Int.init(exactly:)) else { throw wrongType("integer") }
        guard range.contains(integer) else {
            throw invalid("must be between \(range.lowerBound) and \(range.upperBound)")
        }
        return integer
    }

    /// True or false.
    public func requireBool() throws(Refusal) -> Bool {
        guard let bool else { throw wrongType("boolean") }
        return bool
    }

    /// A refusal of this value, naming its path.
    public func invalid(_ what: String, code: String? = nil) -> Refusal {
        let path = path
        return Refusal(.invalidRequest, path.isEmpty ? what : "\(path): \(what)", param: path, code: code)
    }

    /// A refusal because this value is of another type than expected.
    public func wrongType(_ expected: String) -> Refusal {
        invalid("expected \(expected), got \(kind)")
    }
}
