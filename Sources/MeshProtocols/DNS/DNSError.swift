/// Why bytes are no DNS message that we take.
package enum DNSError: Error, Sendable, BitwiseCopyable, CaseIterable {
    /// The message ends within something.
    case truncated
    /// A label type that RFC 1035 §4.1.4 does not know.
    case label
    /// A name of more than 255 octets.
    case nameTooLong
    /// A compression pointer that does not point backwards, or one of too many in a name.
    case pointer
    /// More records than `DNSMessage.maximumRecords`, or other than one question.
    case counts
    /// Record data that does not fit its type.
    case recordData
    /// Two OPT records, or one with an owner.
    case options
}
