import Platform

/// Whether children have control groups of their own, and what those bound.
struct ControlGroupState: Sendable, Equatable {
    /// The words of `/health` and of metrics.
    enum Word: String, Sendable, CaseIterable { case full, partial, none }

    let word: Word
    /// What the operator is told at the start and by `portcullis check`.
    let note: String

    /// The state of this process.
    static var current: ControlGroupState {
        switch ControlGroups.delegation {
        case .granted(let groups): ControlGroupState(groups.controllers)
        case .absent(let reason): ControlGroupState(nil, because: reason)
        case nil:
            // Only the service takes what is there.
            ControlGroups.objection.map { ControlGroupState(nil, because: $0) } ?? ControlGroupState([])
        }
    }

    /// The state of a process whose groups bound what `controllers` say, or which has none for a reason.
    init(_ controllers: Set<GroupController>?, because reason: String = "") {
        guard let controllers else {
            word = .none
            note = "children have no control groups of their own: \(reason)"
            return
        }
        // Processors are shared out, not bounded, and by priority where groups cannot.
        let missing = [GroupController.memory, .tasks].filter { !controllers.contains($0) }.map { "\($0)" }
        word = missing.isEmpty ? .full : .partial
        note = missing.isEmpty
            ? "a control group for every child: its memory and tasks are bounded, and all of it ends with it"
            : "a control group for every child: all of it ends with it, but nothing bounds its \(missing.joined(separator: " and "))"
    }
}
