import Vocabulary

/// `portcullis collection …`: prints the requests for a program that sends them by hand.
struct CollectionCommand: Sendable, Equatable {
    let collection: RequestCollection
    /// Where the service is, without a slash at the end.
    let address: String

    /// Parses what stands behind `collection`.
    init(_ arguments: [String]) throws(ConfigurationFault) {
        let names = RequestCollection.allCases.map(\.rawValue).joined(separator: "|")
        guard let name = arguments.first, let collection = RequestCollection(rawValue: name), arguments.count <= 2 else {
            throw ConfigurationFault("collection", "is written as: portcullis collection \(names) [https://HOST:PORT]")
        }
        self.collection = collection
        let address = arguments.dropFirst().first ?? "https://localhost:8443"
        let rest = address.hasPrefix("https://") ? address.dropFirst(8) : address.hasPrefix("http://") ? address.dropFirst(7) : ""
        let isPlain = rest.utf8.allSatisfy { (0x21...0x7E).contains($0) && !#""'\<>{}`^|?#@"#.utf8.contains($0) }
        guard !rest.isEmpty, !rest.hasPrefix("/"), isPlain else {
            throw ConfigurationFault(quoted(address), "is no address of the service, as https://gateway.example:8443")
        }
        self.address = address.hasSuffix("/") ? String(address.dropLast()) : address
    }

    /// Returns the exit status: 0.
    func run() -> Int32 {
        do throws(JSONError) {
            Terminal.say(try collection.document(address: address))
            return 0
        } catch {
            Terminal.complain("the description of the endpoints cannot be read: \(error.reason)")
            return 70  // EX_SOFTWARE
        }
    }
}
