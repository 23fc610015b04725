/// The head of a request or an answer (RFC 9112 §2).
struct HTTPHead {
    /// Its first line, in its three parts.
    let start: [String]
    /// Names in lower case.
    let fields: [(name: String, value: String)]

    /// How the body ends (RFC 9112 §6.3).
    enum Framing: Equatable {
        case length(Int)
        case chunked
        case untilEnd
    }

    init(_ text: String) throws(LoadFailure) {
        var lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        start = lines.removeFirst().split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard start.count >= 2 else { throw LoadFailure("'\(start.joined(separator: " "))' is no first line of HTTP") }
        var found: [(name: String, value: String)] = []
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { throw LoadFailure("'\(line)' is no field of HTTP") }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            found.append((line[..<colon].lowercased(), String(value)))
        }
        fields = found
    }

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// Of an answer; 0 if there is none.
    var status: Int { Int(start[1]) ?? 0 }

    func framing(isAnswer: Bool) throws(LoadFailure) -> Framing {
        if let coding = self["transfer-encoding"] {
            guard coding.lowercased() == "chunked" else { throw LoadFailure("transfer-encoding '\(coding)' is not known") }
            return .chunked
        }
        if let text = self["content-length"] {
            guard let length = Int(text), (0...HTTPReader.maximumBody).contains(length) else {
                throw LoadFailure("content-length '\(text)' is no length, or over \(HTTPReader.maximumBody)")
            }
            return .length(length)
        }
        return isAnswer ? .untilEnd : .length(0)
    }

    /// The sender goes on with the connection afterwards.
    var keepsAlive: Bool {
        let wish = self["connection"]?.lowercased() ?? ""
        let isOld = start.contains("HTTP/1.0")
        return isOld ? wish.contains("keep-alive") : !wish.contains("close")
    }
}
