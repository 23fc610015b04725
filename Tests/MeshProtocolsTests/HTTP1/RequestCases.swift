/// One line of `Corpus/http1/requests.txt`.
struct RequestCase: Sendable, CustomStringConvertible {
    /// nil for a request that is passed on.
    let status: Int?
    let name: String
    let bytes: [UInt8]

    var description: String { name }

    static func all() throws -> [RequestCase] {
        try Corpus.text("requests.txt", in: "http1").split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let parts = line.split(separator: " ", maxSplits: 3)
            return RequestCase(status: Int(parts[0]), name: "\(parts[2]) (§\(parts[1]))", bytes: unescaped(parts[3]))
        }
    }

    private static func unescaped(_ text: Substring) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "("), rest.dropFirst().first == UInt8(ascii: "*"), let end = rest.firstIndex(of: UInt8(ascii: ")")),
                let count = Int(String(decoding: rest[(rest.startIndex + 2)..<end], as: UTF8.self))
            {
                bytes += [UInt8](repeating: rest.first!, count: count)
                rest = rest[(end + 1)...]
            } else if byte == UInt8(ascii: "\\") {
                switch rest.popFirst() {
                case UInt8(ascii: "r"): bytes.append(13)
                case UInt8(ascii: "n"): bytes.append(10)
                case UInt8(ascii: "t"): bytes.append(9)
                case UInt8(ascii: "x"):
                    bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)!)
                    rest = rest.dropFirst(2)
                case let other: bytes.append(other!)
                }
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }
}
