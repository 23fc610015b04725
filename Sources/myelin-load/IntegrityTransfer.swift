import Crypto
import MeshTypes

/// Many bytes one way, with SHA-256 at both ends.
struct IntegrityTransfer {
    let target: Target
    let count: Int
    let seed: UInt64
    let timeoutMilliseconds: Int32

    static let chunkBytes = 256 * 1024
    /// Longest answer of `hash-serve`: 64 digits and a newline.
    private static let answerBytes = 65

    /// Sends to a `hash-serve`, and compares its answer with the hash of what was sent.
    func send() throws(LoadFailure) -> String {
        let connection = try BlockingConnection(to: target, timeoutMilliseconds: timeoutMilliseconds)
        let sent = try RandomStream.produce(seed: seed, count: count) { piece throws(LoadFailure) in try connection.send(piece) }
        connection.finishSending()
        var answer: [UInt8] = []
        _ = try Self.drain(connection) { if answer.count <= Self.answerBytes { answer.append(contentsOf: $0) } }
        let received = String(decoding: answer.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        guard received == sent else {
            throw LoadFailure("\(count) bytes were sent with SHA-256 \(sent), but the other end received '\(received)'")
        }
        return sent
    }

    /// Receives from a `source-serve`, and compares with the hash of what the seed makes.
    func receive() throws(LoadFailure) -> String {
        let connection = try BlockingConnection(to: target, timeoutMilliseconds: timeoutMilliseconds)
        let (received, length) = try Self.hash(connection)
        let expected = try RandomStream.produce(seed: seed, count: count) { _ in }
        guard length == count else { throw LoadFailure("\(length) bytes came before the end, instead of \(count)") }
        guard received == expected else { throw LoadFailure("\(count) bytes came with SHA-256 \(received) instead of \(expected)") }
        return received
    }

    /// Reads to the end.
    static func hash(_ connection: borrowing BlockingConnection) throws(LoadFailure) -> (digest: String, count: Int) {
        var hash = SHA256()
        let count = try drain(connection) { hash.update(bufferPointer: $0) }
        return (RandomStream.hexadecimal(hash.finalize()), count)
    }

    private static func drain(
        _ connection: borrowing BlockingConnection, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(LoadFailure) -> Int {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 64)
        defer { buffer.deallocate() }
        var total = 0
        while true {
            let count = try connection.receive(into: buffer)
            if count == 0 { return total }
            body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
            total += count
        }
    }
}
