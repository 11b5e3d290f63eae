package import Platform

/// How much the proxy takes, and how long it waits.
package struct EgressLimits: Sendable {
    /// Connections at once.
    package var connections = 512
    /// Connections of one run at once.
    package var connectionsOfRun = 32
    /// From the first byte of a head to its end.
    package var head = Milliseconds.seconds(10)
    /// One address: the connection.
    package var connect = Milliseconds.seconds(10)
    /// All of them, and the name.
    package var dial = Milliseconds.seconds(20)
    /// Without a byte in either direction.
    package var silence = Milliseconds.seconds(300)

    /// The usual ones.
    package init() {}
}
