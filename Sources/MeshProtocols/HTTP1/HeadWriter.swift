package import MeshTypes

/// Builds heads in storage that it keeps: a worker has one and uses it for every message.
package struct HeadWriter: ~Copyable {
    private let storage = UnsafeMutableRawBufferPointer.allocate(byteCount: HeadWriter.capacity, alignment: 64)
    package private(set) var count = 0
    /// Something did not fit; the head must not be sent.
    package private(set) var overflowed = false

    /// The largest head, the fields that the mesh adds, and as much of a body as is sent along with it.
    package static let capacity = HTTPLimits.head + (32 << 10)

    package init() {}

    deinit { storage.deallocate() }

    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(storage)[..<count]) }
    /// Bytes that still fit.
    package var room: Int { storage.count - count }

    package mutating func removeAll() {
        count = 0
        overflowed = false
    }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= room else {
            overflowed = true
            return
        }
        if let source = bytes.baseAddress { (storage.baseAddress! + count).copyMemory(from: source, byteCount: bytes.count) }
        count += bytes.count
    }

    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func append(byte: UInt8) {
        guard room > 0 else {
            overflowed = true
            return
        }
        storage[count] = byte
        count += 1
    }

    package mutating func append(decimal number: UInt64) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(byte: 48 + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }

    package mutating func append(hexadecimal value: UInt64, digits: Int) {
        guard digits <= room else {
            overflowed = true
            return
        }
        var rest = value
        var place = count + digits
        while place > count {
            place -= 1
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            storage[place] = digit < 10 ? 48 + digit : 87 + digit
            rest >>= 4
        }
        count += digits
    }

    package mutating func append(_ identifier: RequestIdentifier) {
        guard identifier.count <= room else {
            overflowed = true
            return
        }
        identifier.copy(to: storage.baseAddress! + count)
        count += identifier.count
    }

    /// `name: value` of a parsed field, as it came.
    package mutating func append(_ field: HeaderField, of bytes: UnsafeRawBufferPointer) {
        append(field.name.slice(of: bytes))
        append(": ")
        append(field.value.slice(of: bytes))
        append("\r\n")
    }

    package mutating func append(_ trace: TraceParent) {
        append("traceparent: 00-")
        append(hexadecimal: trace.traceHigh, digits: 16)
        append(hexadecimal: trace.traceLow, digits: 16)
        append("-")
        append(hexadecimal: trace.span, digits: 16)
        append("-")
        append(hexadecimal: UInt64(trace.flags), digits: 2)
        append("\r\n")
    }
}
