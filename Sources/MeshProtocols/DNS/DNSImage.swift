/// An answer as it is kept: written once, then sent to whoever asks the same, with the asker's number and spelling and with what is left of
/// the records' times to live.
package struct DNSImage: Sendable {
    /// What changes from one asker to the next.
    package struct Asker: Sendable {
        package let query: DNSMessage
        /// Octets that it takes.
        package let limit: Int
        /// What it is told about us, if it speaks EDNS.
        package let options: DNSOptions?
        /// The bit AD.
        package let isVerified: Bool

        package init(query: DNSMessage, limit: Int, options: DNSOptions?, isVerified: Bool) {
            self.query = query
            self.limit = limit
            self.options = options
            self.isVerified = isVerified
        }
    }

    /// How the times to live of the records are told.
    package enum Age: Sendable, BitwiseCopyable {
        /// Less so many seconds.
        case fresh(seconds: UInt32)
        /// All the same, as they have run out.
        case stale(timeToLive: UInt32)
    }

    /// The message without an OPT record; its number is 0.
    private let bytes: [UInt8]
    /// Where times to live stand.
    private let lifetimes: [Int]
    /// The length without the additional records, and where those begin among `lifetimes`.
    private let bareLength: Int
    private let bareLifetimes: Int
    /// Of the question's name.
    private let nameLength: Int
    package let responseCode: DNSResponseCode

    /// Octets that it holds.
    package var size: Int { bytes.count + lifetimes.count * MemoryLayout<Int>.size }

    /// - Parameter message: an answer whose options are of no interest; nil is returned for one that is longer than any message.
    package init?(_ message: DNSMessage) {
        responseCode = message.header.responseCode
        nameLength = message.question.name.wire.count
        var writer = DNSWriter()
        var header = message.header
        header.isTruncated = false
        header.isAuthoritative = false
        header.isVerified = false
        writer.short(0)
        writer.short(header.flags)
        writer.short(1)
        for section in [message.answers, message.authority, message.additional] { writer.short(UInt16(section.count)) }
        writer.question(message.question)
        for record in message.answers { writer.record(record) }
        for record in message.authority { writer.record(record) }
        bareLength = writer.bytes.count
        bareLifetimes = writer.lifetimes.count
        for record in message.additional { writer.record(record) }
        guard writer.bytes.count <= DNSMessage.maximumLength - Self.optionsReserve else { return nil }
        bytes = writer.bytes
        lifetimes = writer.lifetimes
    }

    /// For an OPT record of ours.
    private static let optionsReserve = 512

    /// - Precondition: the asker's question is the image's, save for its spelling.
    package func reply(to asker: Asker, age: Age) -> [UInt8] {
        var trailer: [UInt8] = []
        if let options = asker.options {
            var writer = DNSWriter()
            writer.options(options)
            trailer = writer.bytes
        }
        var length = bytes.count
        var (isCut, isBare) = (false, false)
        if length + trailer.count > asker.limit {
            isBare = true
            length = bareLength
        }
        if length + trailer.count > asker.limit {
            isCut = true
            length = DNSHeader.length + nameLength + 4
        }
        var reply = Array(bytes[..<length])
        reply.reserveCapacity(length + trailer.count)
        patchHeader(&reply, asker, isCut: isCut, isBare: isBare, hasOptions: !trailer.isEmpty)
        reply.replaceSubrange(DNSHeader.length..<DNSHeader.length + nameLength, with: asker.query.question.name.wire)
        if !isCut {
            for place in lifetimes[..<(isBare ? bareLifetimes : lifetimes.count)] { Self.patch(&reply, place, age) }
        }
        reply += trailer
        return reply
    }

    private func patchHeader(_ reply: inout [UInt8], _ asker: Asker, isCut: Bool, isBare: Bool, hasOptions: Bool) {
        var header = asker.query.header.answering(responseCode)
        header.isTruncated = isCut
        header.isVerified = asker.isVerified
        reply[0] = UInt8(header.id >> 8)
        reply[1] = UInt8(header.id & 255)
        reply[2] = UInt8(header.flags >> 8)
        reply[3] = UInt8(header.flags & 255)
        if isCut { for index in 6..<10 { reply[index] = 0 } }
        if isBare { (reply[10], reply[11]) = (0, 0) }
        guard hasOptions else { return }
        let count = UInt16(reply[10]) << 8 | UInt16(reply[11]) + 1
        reply[10] = UInt8(count >> 8)
        reply[11] = UInt8(count & 255)
    }

    private static func patch(_ reply: inout [UInt8], _ place: Int, _ age: Age) {
        let value: UInt32
        switch age {
        case .fresh(let seconds):
            let left = (0..<4).reduce(0) { $0 << 8 | UInt32(reply[place + $1]) }
            value = left > seconds ? left - seconds : 0
        case .stale(let timeToLive): value = timeToLive
        }
        for index in 0..<4 { reply[place + index] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index)) }
    }
}
