package import Foundation
package import MeshIdentity
internal import MeshTLS
package import MeshTypes

/// What one message of an agent comes to: it is complete, so it replaces the one before it (Workload API §4.3, §4.4).
package struct AgentIdentities: Sendable {
    /// SPIFFE IDs that are told of when they are refused.
    private static let maximumRefusals = 64

    package let svids: [SPIFFEID: GivenSVID]
    /// SPIFFE IDs as the agent wrote them, and why they are not used.
    package let refused: [String: String]
    /// The trust domain's authorities, DER.
    package let roots: [[UInt8]]

    /// - Throws: when the message is not to be used: it is discarded, and the one before it stays. An SVID of this trust domain without
    ///   authorities is the agent's mistake, and no word that there are none.
    package init(_ response: X509SVIDResponse, trustDomain: String, now: Date = Date()) throws(MalformedMessage) {
        var svids: [SPIFFEID: GivenSVID] = [:]
        var refused: [String: String] = [:]
        var roots: [[UInt8]] = []
        guard !response.svids.isEmpty else { throw MalformedMessage("it holds no SVID") }
        for message in response.svids {
            guard message.spiffeID.hasPrefix("spiffe://\(trustDomain)/") else {
                if refused.count < Self.maximumRefusals {
                    refused[Self.printable(message.spiffeID)] = "it is not of trust domain \(trustDomain)"
                }
                continue
            }
            let (bundle, trust) = try Self.bundle(of: message)
            do throws(SVIDRefusal) {
                let (identity, given) = try X509SVIDRules.check(message, trustDomain: trustDomain, bundle: trust, now: now)
                // Two of one identity differ by their hint, which says nothing to the mesh: the first is the default (§5.3).
                if svids[identity] == nil { svids[identity] = given }
                for root in bundle where !roots.contains(root) { roots.append(root) }
            } catch {
                if refused.count < Self.maximumRefusals { refused[Self.printable(message.spiffeID)] = error.description }
            }
        }
        guard roots.count <= TrustBundle.maximumRoots else { throw MalformedMessage("it holds \(roots.count) authorities") }
        self.svids = svids
        self.refused = refused
        self.roots = roots
    }

    /// The agent says that this program has no identity: whom to trust stays.
    var redacted: AgentIdentities { AgentIdentities(svids: [:], refused: [:], roots: roots) }

    private init(svids: [SPIFFEID: GivenSVID], refused: [String: String], roots: [[UInt8]]) {
        self.svids = svids
        self.refused = refused
        self.roots = roots
    }

    /// Nobody gave a usable SVID with authorities: whom to trust stays as it was.
    func trusting(_ before: [[UInt8]]) -> AgentIdentities { AgentIdentities(svids: svids, refused: refused, roots: before) }

    private static func bundle(of message: X509SVIDMessage) throws(MalformedMessage) -> (roots: [[UInt8]], trust: TrustBundle) {
        let whose = "the bundle of \(printable(message.spiffeID))"
        guard !message.bundle.isEmpty else { throw MalformedMessage("\(whose) is empty") }
        let roots: [[UInt8]]
        do throws(MalformedMessage) {
            roots = try DERCertificates.split(message.bundle, limit: TrustBundle.maximumRoots)
        } catch { throw MalformedMessage("\(whose) cannot be read: \(error)") }
        do throws(TLSFailure) { return (roots, try TrustBundle(rootsDER: roots)) } catch {
            throw MalformedMessage("\(whose) cannot be used: \(error.detail)")
        }
    }

    /// What a stranger wrote, for logs.
    private static func printable(_ text: String) -> String {
        VisibleText.plain(String(String.UnicodeScalarView(text.unicodeScalars.prefix(256))))
    }
}
