/// Where the data of a record has names that its sender may have compressed (RFC 3597 §4): they must be read to be passed on.
struct DNSRecordLayout: Sendable, BitwiseCopyable {
    /// Octets, then strings with their lengths, before the first name.
    var octets = 0
    var strings = 0
    var names = 1

    /// nil for types whose data has no such names, or is read in full (`DNSRecord.Data`).
    init?(of type: DNSType) {
        switch type.rawValue {
        // NS, MD, MF, MB, MG, MR, PTR, DNAME
        case 2, 3, 4, 7, 8, 9, 12, 39: break
        // MINFO, RP
        case 14, 17: names = 2
        // MX, AFSDB, RT, KX: a preference before the name
        case 15, 18, 21, 36: octets = 2
        // PX
        case 26: (octets, names) = (2, 2)
        // NAPTR: order and preference; flags, services, expression; replacement
        case 35: (octets, strings) = (4, 3)
        default: return nil
        }
    }
}
