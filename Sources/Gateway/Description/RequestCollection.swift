import Vocabulary

/// A program for sending requests by hand, and the file that it imports: a request for each operation.
///
/// The address and the key are variables, and so is what one answer tells the next request.
enum RequestCollection: String, Sendable, CaseIterable {
    case bruno
    case insomnia

    /// The file for a service at that address, which has no slash at its end.
    func document(address: String) throws(JSONError) -> String {
        let groups = try SampleRequest.groups()
        switch self {
        case .bruno: return BrunoCollection.document(groups, address: address)
        case .insomnia: return InsomniaCollection.document(groups, address: address)
        }
    }
}

extension JSONWriter {
    /// Writes a key and an array of objects, in each of which `write` writes the members for one item.
    mutating func objects<Item>(_ name: StaticString, _ items: [Item], _ write: (Item, inout JSONWriter) -> Void) {
        key(name)
        beginArray()
        for item in items { object { write(item, &$0) } }
        endArray()
    }

    /// Writes the members that a parameter has in both programs; one that can be left out is switched off.
    mutating func parameter(_ parameter: SampleRequest.Parameter, variable: String) {
        let isOfPath = parameter.place == .path
        member("name", parameter.name)
        member("value", isOfPath && parameter.example.isEmpty ? variable : parameter.example)
        if !parameter.description.isEmpty { member("description", parameter.description) }
        if !isOfPath { member("disabled", true) }
    }

    /// Writes how the key is shown.
    mutating func bearer(_ name: StaticString, token: String) {
        key(name)
        object { json in
            json.member("type", literal: "bearer")
            json.member("token", token)
        }
    }
}
