package import HTTP
package import Platform

/// How much a relay takes, and how long it waits.
package struct RelayLimits: Sendable {
    /// Connections of children at once.
    package var connections = 1024
    /// How long a connection may be idle between two requests.
    package var idle = Milliseconds.seconds(310)
    /// From the first byte of a head to its end.
    package var head = Milliseconds.seconds(10)
    /// One address of the vendor: the connection and its handshake.
    package var connect = Milliseconds.seconds(10)
    /// All of them, and the name.
    package var dial = Milliseconds.seconds(30)
    /// Without a byte in either direction.
    package var silence = Milliseconds.seconds(900)
    /// One request and its answer.
    package var exchange = Milliseconds.seconds(86_400)
    /// Connections to vendors that wait for another request, and how long.
    package var keptLinks = 16
    /// See `keptLinks`; less than servers wait by themselves.
    package var keptTime = Milliseconds.seconds(20)
    /// Requests: larger than the vendor takes any.
    package var request: HTTPLimits
    /// Answers: bodies are passed on as they come, whatever they come to.
    package var response: HTTPLimits

    /// The bounds for children that ask one vendor.
    package init() {
        request = HTTPLimits()
        request.fieldBytes = 16 << 10
        request.headBytes = 64 << 10
        request.bodyBytes = 128 << 20
        response = HTTPLimits()
        response.fieldBytes = 16 << 10
        response.headBytes = 64 << 10
        response.bodyBytes = .max
    }
}
