/// Cuts a stream of bytes into lines.
package struct LineBuffer {
    private var bytes: [UInt8] = []
    private var start = 0
    /// Up to here there is no line end.
    private var searched = 0
    private let longest: Int

    package init(longest: Int) { self.longest = longest }

    package mutating func append(_ more: some Sequence<UInt8>) {
        bytes.removeFirst(start)
        searched -= start
        start = 0
        bytes.append(contentsOf: more)
    }

    /// The next whole line that is not blank, without its end.
    package mutating func next() throws(StoreError) -> ArraySlice<UInt8>? {
        while let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = bytes[start..<end]
            start = end + 1
            searched = start
            if !line.isEmpty { return line }
        }
        searched = bytes.endIndex
        guard bytes.count - start <= longest else { throw .tooLarge(limit: longest) }
        return nil
    }

    /// What has no line end.
    package var rest: ArraySlice<UInt8>? { start < bytes.count ? bytes[start...] : nil }
}
