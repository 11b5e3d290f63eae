package import HTTP
package import Platform

/// What a job knows of the client that asks: everything but a way to answer. Confined to its connection's loop.
package protocol RequestChannel: AnyObject {
    /// The request's head.
    var request: Request { get }
    /// Signalled when the client goes, takes output, or the service ends; a job hangs its own causes on it.
    var wakeup: Wakeup { get }
    /// True when nobody is left to answer.
    var isClientGone: Bool { get }

    /// Reads the whole body, under the limits that the request began with.
    func readBody(within limits: WireLimits) async throws(BodyFault) -> [UInt8]
}

/// Why a body could not be read.
package enum BodyFault: Error {
    /// The client is told so.
    case refused(HTTPFault)
    /// Nobody is left to be told.
    case gone
}
