/// The answers to `GET /v1/models`, made once for each configuration: clients ask at each start, and some before each
/// request.
struct ModelLists {
    private weak var snapshot: Snapshot?
    private var plain: [UInt8]?
    private var codex: [UInt8]?

    /// The list as it was made for this snapshot, or as `make` makes it now.
    mutating func list(of snapshot: Snapshot, forCodex isForCodex: Bool, _ make: () -> [UInt8]) -> [UInt8] {
        if self.snapshot !== snapshot { (self.snapshot, plain, codex) = (snapshot, nil, nil) }
        if let known = isForCodex ? codex : plain { return known }
        let made = make()
        if isForCodex { codex = made } else { plain = made }
        return made
    }
}
