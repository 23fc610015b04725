/// `X509SVID` of the SPIFFE Workload API (§5.1): one identity with all that belongs to it.
package struct X509SVIDMessage: Sendable, Equatable {
    package var spiffeID: String
    /// DER certificates one behind the other, the leaf first.
    package var chain: [UInt8]
    /// PKCS#8.
    package var key: [UInt8]
    /// DER certificates one behind the other.
    package var bundle: [UInt8]

    package init(spiffeID: String, chain: [UInt8], key: [UInt8], bundle: [UInt8]) {
        self.spiffeID = spiffeID
        self.chain = chain
        self.key = key
        self.bundle = bundle
    }

    private enum Field {
        static let spiffeID: UInt64 = 1
        static let chain: UInt64 = 2
        static let key: UInt64 = 3
        static let bundle: UInt64 = 4
    }

    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.append(Field.spiffeID, spiffeID.utf8)
        writer.append(Field.chain, chain)
        writer.append(Field.key, key)
        writer.append(Field.bundle, bundle)
        return writer.bytes
    }

    /// Later fields of one number win, and unknown ones (`hint`) are passed over, as protobuf has it.
    package init(_ bytes: ArraySlice<UInt8>) throws(MalformedMessage) {
        self.init(spiffeID: "", chain: [], key: [], bundle: [])
        var reader = ProtobufReader(bytes)
        while let (number, value) = try reader.next() {
            guard case .bytes(let bytes) = value else { continue }
            switch number {
            case Field.spiffeID: spiffeID = String(decoding: bytes, as: UTF8.self)
            case Field.chain: chain = Array(bytes)
            case Field.key: key = Array(bytes)
            case Field.bundle: bundle = Array(bytes)
            default: continue
            }
        }
    }
}

/// `X509SVIDResponse` (§5.1): all identities of a caller. Revocation lists and bundles of other trust domains are passed over: this
/// mesh is one trust domain.
package struct X509SVIDResponse: Sendable, Equatable {
    private static let svidsField: UInt64 = 1
    /// More identities than one node has services.
    package static let maximumSVIDs = 4096

    package var svids: [X509SVIDMessage]

    package init(svids: [X509SVIDMessage]) { self.svids = svids }

    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        for svid in svids { writer.appendAlways(Self.svidsField, svid.encoded) }
        return writer.bytes
    }

    package init(_ bytes: ArraySlice<UInt8>) throws(MalformedMessage) {
        svids = []
        var reader = ProtobufReader(bytes)
        while let (number, value) = try reader.next() {
            guard number == Self.svidsField, case .bytes(let bytes) = value else { continue }
            guard svids.count < Self.maximumSVIDs else { throw MalformedMessage("more than \(Self.maximumSVIDs) SVIDs") }
            svids.append(try X509SVIDMessage(bytes))
        }
    }
}

/// `X509BundlesResponse` (§5.1): what a caller may trust, by the SPIFFE ID of the trust domain.
package struct X509BundlesResponse: Sendable, Equatable {
    private static let bundlesField: UInt64 = 2
    private static let keyField: UInt64 = 1
    private static let valueField: UInt64 = 2

    package var trustDomain: String
    /// DER certificates one behind the other.
    package var bundle: [UInt8]

    package init(trustDomain: String, bundle: [UInt8]) {
        self.trustDomain = trustDomain
        self.bundle = bundle
    }

    /// A map is a list of messages with key and value.
    package var encoded: [UInt8] {
        var entry = ProtobufWriter()
        entry.append(Self.keyField, "spiffe://\(trustDomain)".utf8)
        entry.append(Self.valueField, bundle)
        var writer = ProtobufWriter()
        writer.appendAlways(Self.bundlesField, entry.bytes)
        return writer.bytes
    }
}
