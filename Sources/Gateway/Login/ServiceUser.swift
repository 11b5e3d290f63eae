import Glibc

/// The user that a service runs as, which is who must be able to use the CLI's login.
struct ServiceUser: Sendable, Equatable {
    var uid: UInt32
    var gid: UInt32
    /// Nil for a user that has no name.
    var name: String?
    /// As the password file has it.
    var home: String?
    /// False for users whose shell lets nobody in: only root can run something in their name.
    var canLogIn: Bool

    /// Name, or number.
    var label: String { name ?? "user \(uid)" }

    /// The user of this process; root that checks a service's configuration has become the service's user.
    static func current() -> ServiceUser { user(geteuid(), gid: getegid()) }

    /// The name of a user, or its number.
    static func label(of uid: UInt32) -> String { user(uid, gid: 0).label }

    private static func user(_ uid: UInt32, gid: UInt32) -> ServiceUser {
        var user = ServiceUser(uid: uid, gid: gid, name: nil, home: nil, canLogIn: false)
        guard let entry = unsafe getpwuid(uid) else { return user }
        if let name = unsafe entry.pointee.pw_name { user.name = unsafe String(cString: name) }
        if let home = unsafe entry.pointee.pw_dir { user.home = unsafe String(cString: home) }
        if let shell = unsafe entry.pointee.pw_shell {
            let path = unsafe String(cString: shell)
            user.canLogIn = !path.hasSuffix("/nologin") && !path.hasSuffix("/false")
        }
        return user
    }
}
