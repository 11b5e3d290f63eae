import Glibc
import Testing

/// A certificate as `certs/make-dev-certificate` makes it, made once.
enum DevelopmentCertificate {
    static let pem = Result { () throws in
        let scratch = try Scratch()
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let pipe = unsafe try #require(popen("'\(root)/certs/make-dev-certificate' '\(scratch.path)' >/dev/null 2>&1", "re"))
        let status = unsafe pclose(pipe)
        try #require(status == 0)
        return (chain: try contents("\(scratch.path)/chain.pem"), key: try contents("\(scratch.path)/key.pem"))
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        let file = unsafe try #require(fopen(path, "re"))
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }
}
