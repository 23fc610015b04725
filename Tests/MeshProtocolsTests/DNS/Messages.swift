import MeshProtocols
import MeshTypes

/// Messages that the tests start from.
enum Messages {
    static func name(_ text: String) -> DNSName { DNSName(text)! }

    static func query(_ text: String, _ type: DNSType = .a, id: UInt16 = 0x1234) -> DNSMessage {
        var message = DNSMessage(header: DNSHeader(id: id), question: DNSQuestion(name: name(text), type: type))
        message.header.recursionDesired = true
        return message
    }

    /// An answer with every kind of record that the codec understands, and one that it only carries.
    static let answer: DNSMessage = {
        var message = query("wallet.default.svc.cluster.local")
        message.header = message.header.answering(.noError, authoritative: true)
        let owner = message.question.name
        let soa = StartOfAuthority(
            primary: name("ns.cluster.local"), mailbox: name("root.cluster.local"), serial: 1, refresh: 2, retry: 3, expire: 4,
            minimum: 5)
        message.answers = [
            DNSRecord(name: name("alias.cluster.local"), timeToLive: 5, data: .cname(owner)),
            DNSRecord(name: owner, timeToLive: 5, data: .a(IPAddress("240.64.0.2")!)),
            DNSRecord(name: owner, timeToLive: 5, data: .aaaa(IPAddress("fd6d:7965:6c69::2")!)),
            DNSRecord(
                name: name("_http._tcp.cluster.local"), timeToLive: 5,
                data: .srv(priority: 1, weight: 2, port: 8081, target: owner)),
        ]
        message.authority = [DNSRecord(name: name("cluster.local"), timeToLive: 60, data: .soa(soa))]
        message.additional = [DNSRecord(name: owner, timeToLive: 0, data: .other(DNSType(rawValue: 16), [3, 0x61, 0x62, 0x63]))]
        message.options = DNSOptions(payloadSize: 1232, wantsSignatures: true, options: [0, 10, 0, 2, 1, 2])
        return message
    }()

    /// A header with one question's worth of counts and nothing behind it.
    static func header(questions: UInt8 = 1, answers: UInt8 = 0, additional: UInt8 = 0) -> [UInt8] {
        [0x12, 0x34, 1, 0, 0, questions, 0, answers, 0, 0, 0, additional]
    }
}
