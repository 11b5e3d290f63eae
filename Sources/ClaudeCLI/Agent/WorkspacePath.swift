import Glibc

/// Paths of a workspace: where one leads, links followed, and whether that is inside.
public enum WorkspacePath {
    /// Where `path` leads, read from `directory` if it is relative: absolute, without links and `..`; what does not exist
    /// yet is taken as it is written. Nil where it cannot be followed.
    public static func resolve(_ path: String, from directory: String) -> String? {
        guard !path.utf8.contains(0), path.utf8.count < 4096 else { return nil }
        // The CLI takes `~` for its home, which no run has a use for.
        guard !path.hasPrefix("~") else { return nil }
        var rest = (path.hasPrefix("/") ? path : directory + "/" + path).split(separator: "/").map(String.init)[...]
        var place = ""
        while let name = rest.popFirst() {
            if name == "." { continue }
            if name == ".." {
                place = String(place[..<(place.lastIndex(of: "/") ?? place.startIndex)])
                continue
            }
            let next = place + "/" + name
            guard let target = unsafe realpath(next, nil) else {
                // A link that leads nowhere would be followed by whoever writes to it.
                guard errno == ENOENT, !isLink(next) else { return nil }
                place = next
                continue
            }
            place = unsafe String(cString: target)
            unsafe free(target)
            if place == "/" { place = "" }
        }
        return place.isEmpty ? "/" : place
    }

    /// What of `place` lies beneath `directory`, without a slash in front; nil where it lies elsewhere.
    public static func part(of place: String, beneath directory: String) -> String? {
        if place == directory { return "" }
        guard place.hasPrefix(directory + "/") else { return nil }
        return String(place.dropFirst(directory.count + 1))
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }
}

extension WorkspacePath {
    /// True for a directory that is no link.
    public static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
