import Foundation

/// What the HTTP server answers.
struct ServerAnswer {
    var status = 200
    var type = "application/json"
    var fields: [(name: String, value: String)] = []
    var body = ""

    /// What a service tells of itself and of the request; the names are those of the laboratory's other programs.
    struct Greeting: Encodable {
        let service: String
        let instance: String
        let version: String
        /// The caller's address, as the accepted socket has it.
        let remote: String
        let method: String
        let path: String
        /// Bytes of the request's body.
        let received: Int
        let marker: String?
    }

    struct Statistics: Encodable {
        let instance: String
        let requests: Int
        let methods: [String: Int]
        let failed: Int
        let mostAtOnce: Int
        let shadows: Int
        let ids: Int
        let duplicates: Int
        let duplicateIDs: [String]
        let unrememberedIDs: Int

        init(instance: String, _ counts: RequestCounts) {
            self.instance = instance
            requests = counts.requests
            methods = counts.methods
            failed = counts.failed
            mostAtOnce = counts.mostAtOnce
            shadows = counts.shadows
            ids = counts.idCount
            duplicates = counts.duplicates
            duplicateIDs = counts.duplicateIDs
            unrememberedIDs = counts.unrememberedIDs
        }
    }

    static func json(_ value: some Encodable, status: Int = 200) -> ServerAnswer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings and numbers always encode.
        let data = (try? encoder.encode(value)) ?? Data()
        return ServerAnswer(status: status, body: String(decoding: data, as: UTF8.self) + "\n")
    }

    static func text(_ text: String, status: Int = 200) -> ServerAnswer {
        ServerAnswer(status: status, type: "text/plain", body: text)
    }

    func bytes(closes: Bool, hasBody: Bool) -> [UInt8] {
        let more = fields.map { "\($0.name): \($0.value)\r\n" }.joined() + (closes ? "connection: close\r\n" : "")
        let head = "HTTP/1.1 \(status) \(Self.phrase(status))\r\ncontent-type: \(type)\r\ncontent-length: \(body.utf8.count)\r\n\(more)\r\n"
        return Array((hasBody ? head + body : head).utf8)
    }

    private static func phrase(_ status: Int) -> String {
        switch status {
        case 200..<300: "OK"
        case 400..<500: "Refused"
        default: "Failed"
        }
    }
}
