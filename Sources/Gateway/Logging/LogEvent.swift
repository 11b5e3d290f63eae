/// What happens rarely and matters: in the journal such a line has fields of its own, by which it is found and explained.
///
/// Their identifiers are for ever; `deploy/systemd/portcullis.catalog` explains each.
enum LogEvent: String, Sendable, CaseIterable {
    /// It serves.
    case ready = "95a1dc4b1c22913dcb36a0c7b7c7bc34"
    /// It was told to end.
    case stopping = "44705b4f8f072c8f23f59a38dc5614ba"
    /// Everything was loaded anew.
    case reloaded = "2b938671611daf798498cc69513fd256"
    /// Nothing was, because something is faulty.
    case reloadRefused = "9d93c5a2d3dd5c73d4cf2693e59f547b"
    /// Another process serves in its place.
    case handedOver = "398f8a9b3c7659aa88083b31db6f597c"
    /// Something needs the operator.
    case problem = "440aa58e9957fc8733455382eb0a1805"
    /// It no longer does.
    case problemOver = "c46a1a50504f9f940c46c9031e87c80e"
    /// Another CLI serves.
    case cliReplaced = "74ac751b4efbd8795b9075e57c8f3385"
    /// Another CLI stands there, and cannot be used.
    case cliUnusable = "a4ee2acbd0266a2a10d6eef0e9b1f419"

    /// The journal's MESSAGE_ID.
    var id: String { rawValue }
}
