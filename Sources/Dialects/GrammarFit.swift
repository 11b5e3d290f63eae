import Vocabulary

/// How well a schema fits the vendor's grammar: what of it the grammar has no words for, and how much it holds of what
/// the vendor limits.
///
/// The vendor counts over the whole schema. What a reference leads to counts at each place that refers to it: the
/// vendor does not say how it counts that, and so it is never counted too low.
struct GrammarFit {
    /// Properties that may be missing.
    static let mostOptionals = 24
    /// Schemas that are one of several.
    static let mostUnions = 16
    /// Schemas within schemas, references followed.
    private static let deepest = 128

    private struct Tally {
        var optionals = 0
        var unions = 0

        /// What is far beyond the limits need not be told from what is further.
        static func += (left: inout Tally, right: Tally) {
            left.optionals = min(left.optionals + right.optionals, 1000)
            left.unions = min(left.unions + right.unions, 1000)
        }
    }

    private var tally = Tally()
    /// Words that the grammar lacks and that a description cannot stand for, or schemas that lead back to themselves.
    private(set) var isBeyond = false
    /// Something of which nobody has said that the grammar takes it, or an object that is open by its own word.
    private(set) var isVague = false
    private var definitions: [String: JSONValue] = [:]
    private var counted: [String: Tally] = [:]
    private var open: Set<String> = []

    var optionals: Int { tally.optionals }
    var unions: Int { tally.unions }

    /// True when the vendor takes it as far as its words and counts are known.
    var isWithinLimits: Bool {
        !isBeyond && optionals <= Self.mostOptionals && unions <= Self.mostUnions
    }

    /// Looks through a whole schema.
    init(_ root: JSONValue) {
        for (key, place) in root.members where key.matches("$defs") || key.matches("definitions") {
            if !definitions.isEmpty { isVague = true }
            for (name, definition) in place.members where !name.string.utf8.contains(where: "/~%".utf8.contains) {
                definitions["#/\(key.string)/\(name.string)"] = definition
            }
        }
        tally = count(root, depth: 0, isRoot: true)
        for reference in definitions.keys where counted[reference] == nil { _ = follow(reference, depth: 0) }
    }

    private mutating func count(_ schema: JSONValue, depth: Int, isRoot: Bool = false) -> Tally {
        guard !isBeyond else { return Tally() }
        guard depth < Self.deepest else {
            isBeyond = true
            return Tally()
        }
        guard schema.kind == .object else {
            isVague = true
            return Tally()
        }
        var tally = Tally()
        var shape = Shape()
        for (key, value) in schema.members {
            tally += count(value, of: key, in: &shape, depth: depth, isRoot: isRoot)
        }
        if shape.isUnion { tally += Tally(unions: 1) }
        if shape.hasAnyOf, shape.hasOneOf { isBeyond = true }
        if !shape.isCertain || (isRoot && !shape.isPlainObject) { isVague = true }
        tally += Tally(optionals: shape.properties.subtracting(shape.required).count)
        return tally
    }

    /// What the members of one schema come to.
    private struct Shape {
        var properties: Set<String> = []
        var required: Set<String> = []
        /// Its type says that it is an object; what of it is known is another question.
        var isTypedObject = false
        var isObject = false
        var isArray = false
        var hasItems = false
        /// How many of its words say what kind of value it is.
        var kinds = 0
        var isReference = false
        var isUnion = false
        var hasAnyOf = false
        var hasOneOf = false

        /// True when it says all that the vendor's own examples say of such a schema.
        var isCertain: Bool {
            kinds > 0 && (!isArray || hasItems) && (!isTypedObject || isObject) && (!isReference || kinds == 1)
        }

        /// True for an object that is nothing else besides.
        var isPlainObject: Bool { isTypedObject && isObject && !isUnion }
    }

    private mutating func count(
        _ value: JSONValue, of key: JSONText, in shape: inout Shape, depth: Int, isRoot: Bool
    ) -> Tally {
        switch key.string {
        case "type":
            let types = value.kind == .array ? value.elements.compactMap(\.text) : [value.text].compactMap(\.self)
            shape.kinds += 1
            if types.count > 1 { shape.isUnion = true }
            if types.contains("array") { shape.isArray = true }
            if types.contains("object") { shape.isTypedObject = true }
        case "properties":
            shape.isObject = true
            shape.kinds += 1
            return members(of: value, depth: depth) { shape.properties.insert($0) }
        case "required": shape.required = Set(value.elements.compactMap { $0.text?.string })
        case "additionalProperties": if value.bool != false { isVague = true }
        case "items":
            shape.hasItems = true
            return count(value, depth: depth + 1)
        case "anyOf", "oneOf", "allOf": return branches(value, of: key, in: &shape, depth: depth)
        case "enum":
            shape.kinds += 1
            if value.elements.contains(where: { $0.kind == .object || $0.kind == .array }) { isBeyond = true }
        case "const":
            shape.kinds += 1
            if value.kind == .object || value.kind == .array { isBeyond = true }
        case "$ref":
            shape.isReference = true
            shape.kinds += 1
            guard let reference = value.text?.string else { break }
            return follow(reference, depth: depth + 1)
        case "$defs", "definitions":
            guard !isRoot else { break }
            isVague = true
            return members(of: value, depth: depth) { _ in }
        case let word where Self.unknown.contains(word): isBeyond = true
        default: break
        }
        return Tally()
    }

    /// Words that change what a schema means and that the grammar does not have.
    private static let unknown: Set<String> = [
        "not", "if", "then", "else", "dependentSchemas", "dependentRequired", "dependencies", "patternProperties",
        "propertyNames", "unevaluatedProperties", "unevaluatedItems", "contains", "minContains", "maxContains",
        "prefixItems", "additionalItems", "$dynamicRef", "$recursiveRef",
    ]

    private mutating func members(of value: JSONValue, depth: Int, note: (String) -> Void) -> Tally {
        var tally = Tally()
        for (name, schema) in value.members {
            note(name.string)
            tally += count(schema, depth: depth + 1)
        }
        return tally
    }

    /// The parts of an `allOf` would each be closed to what the others ask for, so that only a single one can stay.
    private mutating func branches(
        _ value: JSONValue, of key: JSONText, in shape: inout Shape, depth: Int
    ) -> Tally {
        var tally = Tally()
        var number = 0
        for branch in value.elements {
            number += 1
            tally += count(branch, depth: depth + 1)
            if key.matches("allOf"), number > 1 || branch["$ref"] != nil { isBeyond = true }
        }
        shape.kinds += 1
        if key.matches("anyOf") { (shape.isUnion, shape.hasAnyOf) = (true, true) }
        if key.matches("oneOf") { (shape.isUnion, shape.hasOneOf) = (true, true) }
        if key.matches("allOf") { isVague = true }
        return tally
    }

    private mutating func follow(_ reference: String, depth: Int) -> Tally {
        if let known = counted[reference] { return known }
        guard let definition = definitions[reference], open.insert(reference).inserted else {
            isBeyond = true
            return Tally()
        }
        let tally = count(definition, depth: depth)
        open.remove(reference)
        counted[reference] = tally
        return tally
    }
}
