import Glibc
import Platform

/// Places that no grant may open, although what lies around them is granted.
///
/// Landlock knows no exceptions: what is granted for a directory holds for all beneath it. So a directory with a hidden
/// place beneath it is granted as what it holds, piece by piece, without that place; what comes into it later is not.
public struct HiddenPlaces: Sendable, Hashable {
    private let paths: [String]

    /// Links are resolved, since a place is known by where it is.
    public init(_ paths: [String]) { self.paths = paths.map(Self.resolved) }

    private init(resolved paths: [String]) { self.paths = paths }

    /// These and one more.
    func and(_ place: String) -> HiddenPlaces { HiddenPlaces(resolved: paths + [Self.resolved(place)]) }

    /// What may be granted for `path`: itself, or the parts of it that lead to no hidden place.
    ///
    /// What need not be taken apart is granted as it is named: a link may lead elsewhere when a child starts.
    func grants(_ path: String, _ rights: Walls.Rights) -> [Walls.Grant] {
        let parts = grants(resolved: Self.resolved(path), rights)
        return parts.count == 1 && parts[0].path == Self.resolved(path) ? [Walls.Grant(path, rights)] : parts
    }

    private func grants(resolved path: String, _ rights: Walls.Rights) -> [Walls.Grant] {
        if paths.contains(where: { Self.isBeneath(path, $0) }) { return [] }
        guard paths.contains(where: { Self.isBeneath($0, path) }) else { return [Walls.Grant(path, rights)] }
        return PrivateTree.names(in: path).sorted().flatMap { name -> [Walls.Grant] in
            let part = path == "/" ? "/\(name)" : "\(path)/\(name)"
            // A link leads to where it leads: that place is granted in its own right, or not.
            return Self.isLink(part) ? [] : grants(resolved: part, rights)
        }
    }

    /// True where `path` is `place` or lies in it.
    private static func isBeneath(_ path: String, _ place: String) -> Bool {
        path == place || path.hasPrefix(place == "/" ? place : place + "/")
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// The path without links; of one that does not exist, what of it does.
    static func resolved(_ path: String) -> String {
        if let target = unsafe realpath(path, nil) {
            defer { unsafe free(target) }
            return unsafe String(cString: target)
        }
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return path }
        return resolved(String(path[..<slash])) + path[slash...]
    }
}
