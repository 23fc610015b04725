/// One reply of a Redis server, in version 2 of its protocol (redis.io, "RESP protocol spec").
package enum RESPValue: Hashable, Sendable {
    /// `+OK`
    case status(String)
    /// `-NOSCRIPT No matching script`
    case failure(String)
    /// `:1`
    case integer(Int64)
    /// `$2`; nil for the null string.
    case bulk([UInt8]?)
    /// `*2`; nil for the null array.
    case array([RESPValue]?)
}

/// A command: its name and arguments.
package struct RESPCommand: Hashable, Sendable {
    package let words: [String]

    package init(_ words: [String]) { self.words = words }

    /// As it is sent.
    package var bytes: [UInt8] {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words {
            bytes += Array("$\(word.utf8.count)\r\n".utf8)
            bytes += Array(word.utf8)
            bytes += [13, 10]
        }
        return bytes
    }
}
