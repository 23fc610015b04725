/// A header value under construction, in storage that the caller lends. What does not fit is dropped and remembered.
struct HeaderLine: ~Copyable {
    private let storage: UnsafeMutableRawBufferPointer
    private(set) var count = 0
    private(set) var overflowed = false

    init(_ storage: UnsafeMutableRawBufferPointer) { self.storage = storage }

    mutating func append(byte: UInt8) {
        guard count < storage.count else {
            overflowed = true
            return
        }
        storage[count] = byte
        count += 1
    }

    mutating func append(_ text: some StringProtocol) {
        for byte in text.utf8 { append(byte: byte) }
    }

    mutating func append(hexadecimal value: UInt64, digits: Int) {
        for shift in stride(from: (digits - 1) * 4, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
            append(byte: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
