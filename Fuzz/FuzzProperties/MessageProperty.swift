internal import MeshProtocols

/// A DNS message that is read can be written and read again as the same; a stream of them gives the same ones however it is cut.
enum MessageProperty {
    static func complaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        let all = Array(bytes)
        return messageComplaint(all) ?? streamComplaint(bytes)
    }

    private static func messageComplaint(_ bytes: [UInt8]) -> String? {
        let opening = DNSMessage.opening(of: bytes)
        guard let message = try? DNSMessage(bytes) else { return nil }
        guard let opening, opening.question == message.question else { return "the opening has another question" }
        let again = message.encoded()
        if again.count > DNSMessage.maximumLength { return "\(again.count) bytes were written" }
        guard let second = try? DNSMessage(again) else {
            // Data that is carried as it came may hold pointers into the old message.
            return message.answers.isEmpty && message.authority.isEmpty && message.additional.isEmpty ? "what was written is refused" : nil
        }
        if second.question != message.question { return "another question" }
        if !second.header.isTruncated || message.header.isTruncated, second.options != message.options { return "other options" }
        return nil
    }

    private static func streamComplaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        var whole = DNSStream()
        whole.append(bytes)
        var messages: [[UInt8]] = []
        while let message = whole.next() { messages.append(message) }
        var cut = DNSStream()
        var found: [[UInt8]] = []
        for piece in Cuts(bytes, longest: 20) {
            cut.append(bytes.slice(piece))
            while let message = cut.next() { found.append(message) }
        }
        return found == messages && cut.pending == whole.pending ? nil : "other messages in pieces"
    }
}
