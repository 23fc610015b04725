/// Certificates in DER, one behind the other without anything between them, as the Workload API carries them.
package enum DERCertificates {
    private static let sequenceTag: UInt8 = 0x30
    /// Octets of a length in the long form that are still a certificate's: 16 MiB.
    private static let longestLength = 3

    /// - Parameter limit: certificates, at most.
    package static func split(_ bytes: [UInt8], limit: Int) throws(MalformedMessage) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard found.count < limit else { throw MalformedMessage("more than \(limit) certificates") }
            let count = try length(rest)
            found.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return found
    }

    /// Of the first element, head included (X.690 §8.1.3).
    private static func length(_ bytes: ArraySlice<UInt8>) throws(MalformedMessage) -> Int {
        let start = bytes.startIndex
        guard bytes.count >= 2, bytes[start] == sequenceTag else { throw MalformedMessage("no certificate in DER") }
        let first = Int(bytes[start + 1])
        var (head, body) = (2, first)
        if first >= 0x80 {
            let octets = first & 0x7f
            guard (1...longestLength).contains(octets), bytes.count >= 2 + octets else { throw MalformedMessage("no certificate in DER") }
            head += octets
            body = bytes[(start + 2)..<(start + 2 + octets)].reduce(0) { $0 << 8 | Int($1) }
        }
        guard bytes.count >= head + body else { throw MalformedMessage("a certificate is cut off") }
        return head + body
    }
}
