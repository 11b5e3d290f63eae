import CKeys
import COpenSSL
import Synchronization

/// A token that one child holds in place of a credential; good for as long as this lives.
package final class RelayToken: Sendable {
    /// What the child is told.
    package let text: String
    private let pass: RelayPass
    private let book: TokenBook

    fileprivate init(_ text: String, _ pass: RelayPass, in book: TokenBook) {
        self.text = text
        self.pass = pass
        self.book = book
    }

    deinit { book.revoke(pass) }
}

/// What a token opens.
final class RelayPass: Sendable {
    let route: RelayRoute
    private let revoked = Atomic(false)
    private let connections = Atomic(0)
    /// More at once are more than any child has to ask.
    static let maximumConnections = 32

    init(_ route: RelayRoute) { self.route = route }

    /// True once the child it was made for has ended.
    var isRevoked: Bool { revoked.load(ordering: .relaxed) }

    fileprivate func revoke() { revoked.store(true, ordering: .relaxed) }

    /// Counts a connection that has shown its token; false, and nothing counted, where there are too many.
    func begin() -> Bool {
        if connections.add(1, ordering: .relaxed).newValue <= Self.maximumConnections { return true }
        end()
        return false
    }

    /// The connection has ended.
    func end() { connections.subtract(1, ordering: .relaxed) }
}

/// The tokens of all children that live: 256 random bits each, kept as digests. May be used from any thread.
package final class TokenBook: Sendable {
    private struct State {
        /// 32 bytes each, in the order of `passes`.
        var digests: [UInt8] = []
        var passes: [RelayPass] = []
    }

    private let state = Mutex(State())
    /// By which a log shows what it was, should one ever get there.
    private static let prefix = "portcullis-child-"
    private static let digestBytes = 32

    /// A book without tokens.
    package init() {}

    /// A token for one child whose requests go along `route`.
    package func issue(for route: RelayRoute) -> RelayToken {
        var random = SystemRandomNumberGenerator()
        let words = (0..<4).map { _ in
            let digits = String(random.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        let text = Self.prefix + words.joined()
        let pass = RelayPass(route)
        let digest = Self.digest(Array(text.utf8)[...])
        state.withLock { state in
            state.digests += digest
            state.passes.append(pass)
        }
        return RelayToken(text, pass, in: self)
    }

    /// What a token opens, found in a time that tells nothing of it; nil for one that is not in the book.
    func pass(of token: ArraySlice<UInt8>) -> RelayPass? {
        let digest = Self.digest(token)
        return state.withLock { state in
            let place = unsafe digest.withUnsafeBufferPointer { presented in
                unsafe state.digests.withUnsafeBufferPointer { stored -> Int in
                    guard let start = stored.baseAddress, presented.count == Self.digestBytes else { return 0 }
                    return unsafe portcullis_key_place(presented.baseAddress, start, stored.count / Self.digestBytes)
                }
            }
            return place == 0 ? nil : state.passes[place - 1]
        }
    }

    /// How many children hold one.
    package var count: Int { state.withLock { $0.passes.count } }

    fileprivate func revoke(_ pass: RelayPass) {
        pass.revoke()
        state.withLock { state in
            guard let place = state.passes.firstIndex(where: { $0 === pass }) else { return }
            let last = state.passes.count - 1
            state.passes.swapAt(place, last)
            state.passes.removeLast()
            for index in 0..<Self.digestBytes {
                state.digests[place * Self.digestBytes + index] = state.digests[last * Self.digestBytes + index]
            }
            state.digests.removeLast(Self.digestBytes)
        }
    }

    /// SHA-256; empty where it fails, which is nobody's.
    private static func digest(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        let isDone = unsafe bytes.withUnsafeBytes {
            unsafe EVP_Digest($0.baseAddress, $0.count, &digest, &count, EVP_sha256(), nil)
        }
        return isDone == 1 ? Array(digest[..<Int(count)]) : []
    }
}
