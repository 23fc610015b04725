internal import Foundation
internal import MeshIdentity
internal import MeshTLS
internal import MeshTypes
internal import SwiftASN1
internal import X509

/// Why an SVID is not used.
struct SVIDRefusal: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What an SVID must be before the mesh uses it (X509-SVID §2–§5, and the mesh's own form of SPIFFE IDs).
enum X509SVIDRules {
    /// - Parameters:
    ///   - message: consumed: its key is wiped.
    ///   - bundle: the authorities that came with it.
    static func check(
        _ message: consuming X509SVIDMessage, trustDomain: String, bundle: TrustBundle, now: Date
    ) throws(SVIDRefusal) -> (SPIFFEID, GivenSVID) {
        let chain: [[UInt8]]
        do throws(MalformedMessage) {
            chain = try DERCertificates.split(message.chain, limit: TLSCredential.maximumChain)
        } catch { throw SVIDRefusal("its chain cannot be read: \(error)") }
        guard let first = chain.first else { throw SVIDRefusal("it has no certificate") }
        guard let leaf = try? Certificate(derEncoded: first) else { throw SVIDRefusal("its certificate cannot be read") }
        let identity = try identity(of: leaf, named: message.spiffeID, trustDomain: trustDomain)
        try checkUse(leaf)
        guard !message.key.isEmpty else { throw SVIDRefusal("it has no private key") }
        let key: TLSPrivateKey
        do throws(TLSFailure) { key = try TLSPrivateKey(wiping: &message.key) } catch {
            throw SVIDRefusal("its private key cannot be read")
        }
        guard publicKey(of: leaf) == key.publicKeyDER else { throw SVIDRefusal("its private key is not the one of its certificate") }
        // As its peers will: an SVID that they refuse is none.
        do throws(TLSFailure) {
            try ChainCheck.verifyOwn(chain, trust: bundle, now: Int64(now.timeIntervalSince1970))
        } catch { throw SVIDRefusal(error.detail) }
        return (
            identity,
            GivenSVID(
                key: key,
                certificate: IssuedCertificate(chainDER: chain, notBefore: leaf.notValidBefore, notAfter: leaf.notValidAfter))
        )
    }

    /// One URI name, which is what the message says and a service of this mesh (X509-SVID §2).
    private static func identity(of leaf: Certificate, named: String, trustDomain: String) throws(SVIDRefusal) -> SPIFFEID {
        let names = (try? leaf.extensions.subjectAlternativeNames) ?? nil
        let uris = (names.map(Array.init) ?? []).compactMap { name -> String? in
            if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
        }
        guard uris.count == 1 else { throw SVIDRefusal("its certificate has \(uris.count) URI names, where one is expected") }
        guard uris[0] == named else { throw SVIDRefusal("its certificate is for another SPIFFE ID") }
        guard named.hasPrefix("spiffe://\(trustDomain)/") else { throw SVIDRefusal("it is not of trust domain \(trustDomain)") }
        guard let identity = SPIFFEID(named) else {
            throw SVIDRefusal("its SPIFFE ID is not of the form spiffe://\(trustDomain)/ns/<namespace>/sa/<service>")
        }
        return identity
    }

    /// A leaf's uses (X509-SVID §4.1, §4.3, §4.4).
    private static func checkUse(_ leaf: Certificate) throws(SVIDRefusal) {
        do {
            if case .isCertificateAuthority? = try leaf.extensions.basicConstraints {
                throw SVIDRefusal("its certificate is an authority's")
            }
            guard let usage = try leaf.extensions.keyUsage, usage.digitalSignature, !usage.keyCertSign, !usage.cRLSign else {
                throw SVIDRefusal("its key usage is not a leaf's: digitalSignature, and neither keyCertSign nor cRLSign")
            }
            if let extended = try leaf.extensions.extendedKeyUsage {
                guard extended.contains(.serverAuth), extended.contains(.clientAuth) else {
                    throw SVIDRefusal("its extended key usage lacks serverAuth or clientAuth")
                }
            }
        } catch let refusal as SVIDRefusal { throw refusal } catch { throw SVIDRefusal("its certificate's extensions cannot be read") }
    }

    private static func publicKey(of leaf: Certificate) -> [UInt8] {
        var serializer = DER.Serializer()
        guard (try? serializer.serialize(leaf.publicKey)) != nil else { return [] }
        return serializer.serializedBytes
    }
}
