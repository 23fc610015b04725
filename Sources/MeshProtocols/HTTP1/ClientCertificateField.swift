package import MeshTypes

/// `x-forwarded-client-cert` in Envoy's format: who called, as the mesh verified it. The callee is named too, so that the field is of no use to
/// anybody else.
package enum ClientCertificateField {
    package static let name: StaticString = "x-forwarded-client-cert"

    package static func value(caller: SPIFFEID, callee: SPIFFEID) -> [UInt8] { Array("By=\(callee);URI=\(caller)".utf8) }

    /// What the callee's node has against the fields of a request that another node sent; nil for nothing. That node's word counts for nothing: what
    /// its peer's certificate does not say may not pass. A request that says nothing of its caller claims nothing.
    ///
    /// - Parameter verified: the value that the peer's certificate gives it.
    package static func isForged(_ fields: borrowing FieldTable, _ head: UnsafeRawBufferPointer, verified: [UInt8]) -> Bool {
        var count = 0
        for index in 0..<fields.count {
            switch fields[index].kind {
            case .peerIdentity: return true
            case .clientCertificate:
                count += 1
                guard count == 1, fields[index].value.slice(of: head).elementsEqual(verified) else { return true }
            default: continue
            }
        }
        return false
    }
}
