internal import Foundation

/// How an announcement travels in a service's metadata: values have at most 512 bytes (Consul's own bound), so long ones are cut.
enum ConsulMetadata {
    private static let longestValue = 512
    /// Consul takes 64 pairs.
    private static let mostPieces = 32
    private static let record = "myelin-record"
    private static let chain = "myelin-chain"
    private static let signature = "myelin-signature"
    private static let issued = "myelin-issued"
    private static let expires = "myelin-expires"

    static func pairs(_ announcement: SignedAnnouncement) -> [String: String] {
        var pairs: [String: String] = [:]
        cut(announcement.record, record, &pairs)
        guard let signed = announcement.signature, let from = announcement.issued, let until = announcement.expires else { return pairs }
        cut((announcement.chain ?? []).map { $0.base64EncodedString() }.joined(separator: ","), chain, &pairs)
        pairs[signature] = signed.base64EncodedString()
        pairs[issued] = "\(from)"
        pairs[expires] = "\(until)"
        return pairs
    }

    /// nil where nobody announced anything.
    static func announcement(_ pairs: [String: String]) -> SignedAnnouncement? {
        guard let text = joined(record, pairs) else { return nil }
        var announcement = SignedAnnouncement(unsigned: text)
        announcement.signature = pairs[signature].flatMap { Data(base64Encoded: $0) }
        announcement.issued = pairs[issued].flatMap { Int64($0) }
        announcement.expires = pairs[expires].flatMap { Int64($0) }
        announcement.chain = joined(chain, pairs)?.split(separator: ",").compactMap { Data(base64Encoded: String($0)) }
        return announcement
    }

    private static func cut(_ text: String, _ name: String, _ pairs: inout [String: String]) {
        // Cut between characters: a value must be text by itself.
        var piece = ""
        var index = 0
        for character in text {
            if piece.utf8.count + character.utf8.count > longestValue {
                pairs["\(name)-\(index)"] = piece
                index += 1
                piece = ""
            }
            piece.append(character)
        }
        pairs["\(name)-\(index)"] = piece
    }

    private static func joined(_ name: String, _ pairs: [String: String]) -> String? {
        guard var text = pairs["\(name)-0"] else { return nil }
        for index in 1..<mostPieces {
            guard let piece = pairs["\(name)-\(index)"] else { break }
            text += piece
        }
        return text
    }
}
