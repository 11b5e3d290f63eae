extension [UInt8] {
    /// Lends the bytes from `start` on for the duration of a call.
    ///
    /// A span of an object's property could outlive a change of it; one that is lent cannot.
    @inline(__always)
    func withSpan<Result, Failure: Error>(
        from start: Int, _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe try withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in
            unsafe try body(UnsafeBufferPointer(rebasing: buffer[start...]).span)
        }
    }
}
