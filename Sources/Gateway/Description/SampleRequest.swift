import Vocabulary

/// An operation as it can be tried by hand: with a value, or a place for one, for all that it takes.
struct SampleRequest: Sendable {
    /// A parameter of the path, the query or the head.
    struct Parameter: Sendable {
        enum Place: String, Sendable { case path, query, header }

        let name: String
        let place: Place
        /// What to send; empty where there is no example.
        let example: String
        let description: String
    }

    /// Samples that are shown together.
    struct Group: Sendable {
        let name: String
        var samples: [SampleRequest]
    }

    let operation: APIOperation
    /// In the order of the table.
    let parameters: [Parameter]

    /// The path with `:name` where a thing is named, as programs that send by hand write it.
    var path: String {
        var written = ""
        for character in operation.path where character != "}" { written.append(character == "{" ? ":" : character) }
        return written
    }

    /// The samples by groups, each in the order in which they can be sent one after the other: what deletes comes last.
    static func groups() throws(JSONError) -> [Group] {
        let document = try JSONDocument(parsing: Array("{\(APISchemas.parameters)}".utf8))
        var groups: [Group] = []
        for operation in APIOperation.all {
            let parameters = operation.parameters.compactMap { name in
                document.root.members.first { $0.key.string == name }.flatMap { Parameter($0.value) }
            }
            let sample = SampleRequest(operation: operation, parameters: parameters)
            if let index = groups.firstIndex(where: { $0.name == operation.group }) {
                groups[index].samples.append(sample)
            } else {
                groups.append(Group(name: operation.group, samples: [sample]))
            }
        }
        return groups.map { group in
            Group(name: group.name, samples: group.samples.filter { !$0.deletes } + group.samples.filter(\.deletes))
        }
    }

    /// The variables that answers fill, for parameters of paths that have no example.
    static var variables: [String] { APIOperation.all.compactMap(\.yields) }

    private var deletes: Bool { operation.method == .delete }
}

extension SampleRequest.Parameter {
    /// Reads one as it is described; nil for a place that is not known here.
    fileprivate init?(_ value: JSONValue) {
        guard let name = value["name"]?.text?.string, let place = value["in"]?.text.flatMap({ Place(rawValue: $0.string) })
        else { return nil }
        self.init(
            name: name, place: place, example: value["example"]?.text?.string ?? "",
            description: value["description"]?.text?.string ?? "")
    }
}
