/// What a request asks for, by the platform's standard for paths.
enum Operation {
    /// `payout/claim` for `/internal/v1/wallet/payout/claim`; `other` for paths that do not follow the standard.
    static func label(ofPath path: String) -> String {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 3, omittingEmptySubsequences: true)
        guard parts.count == 4, parts[0].elementsEqual("internal".utf8), parts[1].first == UInt8(ascii: "v"),
            parts[3].count <= maximumLength, parts[3].allSatisfy(isPlain)
        else { return "other" }
        return String(decoding: parts[3], as: UTF8.self)
    }

    private static let maximumLength = 64

    /// Identifiers in paths (digits) are no operations.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
