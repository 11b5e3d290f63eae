/// Abilities of the Messages API that a request must switch on in its `anthropic-beta` field, as far as they matter here.
public enum VendorBeta: String, Sendable, CaseIterable {
    /// To say what becomes of thinking that is bound to another history, and to be told.
    case thinkingBindingControls = "thinking-binding-controls-2026-08-01"
    /// To be shown thinking as updates or highlights.
    case thinkingDisplayUpdates = "thinking-display-updates-2026-08-18"
}
