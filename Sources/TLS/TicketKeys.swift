import COpenSSL
import Synchronization

/// The keys that seal session tickets (RFC 5077 §4): the newest seals, the older ones still open.
///
/// They live in memory alone, so a restart or a new key file forgets every session.
final class TicketKeys: Sendable {
    /// One generation.
    struct Key {
        var name: [UInt8]
        var cipher: [UInt8]
        var mac: [UInt8]

        /// Fresh random bytes; nil when the generator fails, and then no ticket is issued.
        init?() {
            var bytes = [UInt8](repeating: 0, count: 16 + 32 + 32)
            guard unsafe RAND_bytes(&bytes, Int32(bytes.count)) == 1 else { return nil }
            name = Array(bytes[..<16])
            cipher = Array(bytes[16..<48])
            mac = Array(bytes[48...])
        }
    }

    /// How many older generations still open tickets.
    private static let olderKept = 2
    private let keys = Mutex<[Key]>([])

    init() { rotate() }

    /// Makes a new sealing key and forgets the oldest.
    func rotate() {
        guard let fresh = Key() else { return }
        keys.withLock { keys in
            keys.insert(fresh, at: 0)
            if keys.count > 1 + Self.olderKept { keys.removeLast() }
        }
    }

    /// The key to seal with.
    var newest: Key? { keys.withLock { $0.first } }

    /// The key of a ticket, and whether it is the newest.
    func key(named name: UnsafeBufferPointer<UInt8>) -> (key: Key, isNewest: Bool)? {
        keys.withLock { keys in
            guard let index = keys.firstIndex(where: { unsafe $0.name.elementsEqual(name) }) else { return nil }
            return (keys[index], index == 0)
        }
    }

    /// OpenSSL's callback for sealing and opening (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)): 0 refuses the ticket,
    /// 1 takes it, 2 takes it and issues a new one.
    static let callback:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?,
            OpaquePointer?, Int32
        ) -> Int32 = { ssl, name, iv, cipher, mac, isSealing in
            guard let context = unsafe SSL_get_SSL_CTX(ssl), let held = unsafe SSL_CTX_get_ex_data(context, 0),
                let name = unsafe name, let iv = unsafe iv
            else { return 0 }
            let keys = unsafe Unmanaged<TicketKeys>.fromOpaque(held).takeUnretainedValue()
            if isSealing == 1 {
                guard let key = keys.newest, unsafe RAND_bytes(iv, 16) == 1 else { return 0 }
                for (index, byte) in key.name.enumerated() { unsafe name[index] = byte }
                let isSet = unsafe EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.cipher, iv) == 1
                return unsafe isSet && setMAC(mac, key) ? 1 : 0
            }
            guard let (key, isNewest) = unsafe keys.key(named: UnsafeBufferPointer(start: name, count: 16)),
                unsafe setMAC(mac, key), unsafe EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.cipher, iv) == 1
            else { return 0 }
            return isNewest ? 1 : 2
        }

    private static func setMAC(_ mac: OpaquePointer?, _ key: Key) -> Bool {
        unsafe portcullis_mac_init_sha256(mac, key.mac, key.mac.count) == 1
    }
}
