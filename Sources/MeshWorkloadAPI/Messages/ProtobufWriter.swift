/// Writes protobuf's wire format: fields that hold bytes. An empty one is left out, as proto3 has it.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ number: UInt64, _ value: some Collection<UInt8>) {
        if !value.isEmpty { appendAlways(number, value) }
    }

    /// An element of a list: it counts even when it is empty.
    mutating func appendAlways(_ number: UInt64, _ value: some Collection<UInt8>) {
        appendVarint(number << 3 | 2)
        appendVarint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    private mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
