import Vocabulary

extension Conversation {
    /// The conversation with the demanded call in the names that the model sees, and without the format that goes with
    /// it where that cannot be.
    ///
    /// A model that may call tools of registered servers first must be free to say something afterwards, and a CLI that
    /// passes no parameters on takes no format: the model is then asked in words alone.
    func demanding(_ servers: ActiveServers, _ features: CLIFeatures) -> Conversation {
        guard var demanded = demandedCall else { return self }
        let names = ToolNames(self)
        var result = self
        let isOwnFormat = !demanded.forms.isEmpty
        demanded.names = demanded.names.map(names.outward)
        if !features.has(.parameters) || !servers.isEmpty {
            demanded.forms = []
        } else {
            demanded.forms = demanded.forms.map {
                DemandedCall.Form(
                    name: names.outward($0.name), arguments: names.outward(schema: $0.arguments, of: $0.name))
            }
        }
        if isOwnFormat { result.outputFormat = demanded.format }
        result.demandedCall = demanded
        return result
    }
}

extension DemandedCall {
    /// More names than these are not repeated to a model that has them with the tools.
    private static let mostNames = 8

    /// What tells the model to call, in the way that instructions in the middle of a conversation are told.
    func note(allowingSeveral: Bool) -> JSONText {
        let which: String
        if names.count == 1, let name = names.first {
            which = "the tool \(name.string)"
        } else if names.count <= Self.mostNames {
            which = "one of the tools " + names.map(\.string).joined(separator: ", ")
        } else {
            which = "one of your tools"
        }
        let count = allowingSeveral ? "" : " Make exactly one call."
        return JSONText(
            "<system>\nThis answer must be a call of \(which). Do not answer with text instead of the call.\(count)\n</system>")
    }
}
