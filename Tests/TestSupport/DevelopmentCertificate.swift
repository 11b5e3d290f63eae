import Glibc

/// A certificate as `certs/make-dev-certificate` makes it, made once.
public enum DevelopmentCertificate {
    /// The chain and its key, both PEM.
    public static let pem = Result { () throws(ScratchFault) in
        let scratch = try Scratch()
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        guard
            let pipe = unsafe popen("'\(root)/certs/make-dev-certificate' '\(scratch.path)' >/dev/null 2>&1", "re"),
            unsafe pclose(pipe) == 0
        else { throw ScratchFault("make-dev-certificate") }
        return (chain: try scratch.read("chain.pem"), key: try scratch.read("key.pem"))
    }
}
