import Glibc
import TestSupport
import Testing

/// A certificate as `certs/make-dev-certificate` makes it, made once.
enum DevelopmentCertificate {
    static let pem = Result { () throws in
        let scratch = try Scratch()
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let pipe = unsafe try #require(popen("'\(root)/certs/make-dev-certificate' '\(scratch.path)' >/dev/null 2>&1", "re"))
        let status = unsafe pclose(pipe)
        try #require(status == 0)
        return (chain: try scratch.read("chain.pem"), key: try scratch.read("key.pem"))
    }
}
