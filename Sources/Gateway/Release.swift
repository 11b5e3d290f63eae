/// Which release this program is.
enum Release {
    /// As `portcullis version` and answers tell it.
    static let version = "0.1.0"
}
