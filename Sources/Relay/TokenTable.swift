import CKeys
import COpenSSL
import Synchronization

/// Tokens of 256 random bits each, kept as digests, and what they open. May be used from any thread.
package final class TokenTable<Pass: AnyObject & Sendable>: Sendable {
    private struct State {
        /// 32 bytes each, in the order of `passes`.
        var digests: [UInt8] = []
        var passes: [Pass] = []
    }

    private let state = Mutex(State())
    /// By which a log shows what a token was, should one ever get there.
    private let prefix: String

    /// A table without tokens, all of which begin with `prefix`.
    package init(prefix: String) { self.prefix = prefix }

    /// A new token, which opens `pass`.
    package func issue(for pass: Pass) -> String {
        var random = SystemRandomNumberGenerator()
        let words = (0..<4).map { _ in
            let digits = String(random.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        let text = prefix + words.joined()
        let digest = Self.digest(Array(text.utf8)[...])
        state.withLock { state in
            state.digests += digest
            state.passes.append(pass)
        }
        return text
    }

    /// What a token opens, found in a time that tells nothing of it; nil for one that is not in the table.
    package func pass(of token: ArraySlice<UInt8>) -> Pass? {
        let digest = Self.digest(token)
        return state.withLock { state in
            let place = unsafe digest.withUnsafeBufferPointer { presented in
                unsafe state.digests.withUnsafeBufferPointer { stored -> Int in
                    guard let start = stored.baseAddress, presented.count == digestBytes else { return 0 }
                    return unsafe portcullis_key_place(presented.baseAddress, start, stored.count / digestBytes)
                }
            }
            return place == 0 ? nil : state.passes[place - 1]
        }
    }

    /// How many tokens there are.
    package var count: Int { state.withLock { $0.passes.count } }

    /// Has the token that opens `pass` open nothing any more.
    package func remove(_ pass: Pass) {
        state.withLock { state in
            guard let place = state.passes.firstIndex(where: { $0 === pass }) else { return }
            let last = state.passes.count - 1
            state.passes.swapAt(place, last)
            state.passes.removeLast()
            for index in 0..<digestBytes {
                state.digests[place * digestBytes + index] = state.digests[last * digestBytes + index]
            }
            state.digests.removeLast(digestBytes)
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

private let digestBytes = 32
