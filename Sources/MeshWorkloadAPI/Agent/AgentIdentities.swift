internal import Foundation
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

    /// - Throws: when nothing of the message can be used: it is discarded then.
    package init(_ response: X509SVIDResponse, trustDomain: String) throws(MalformedMessage) {
        var svids: [SPIFFEID: GivenSVID] = [:]
        var refused: [String: String] = [:]
        var roots: [[UInt8]] = []
        guard !response.svids.isEmpty else { throw MalformedMessage("it holds no SVID") }
        for message in response.svids {
            do throws(SVIDRefusal) {
                let (identity, given) = try X509SVIDRules.check(message, trustDomain: trustDomain)
                // Two of one identity differ by their hint, which says nothing to the mesh: the first is the default (§5.3).
                if svids[identity] == nil { svids[identity] = given }
                for root in try Self.bundle(of: message) where !roots.contains(root) { roots.append(root) }
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

    private static func bundle(of message: X509SVIDMessage) throws(SVIDRefusal) -> [[UInt8]] {
        do throws(MalformedMessage) {
            let roots = try DERCertificates.split(message.bundle, limit: TrustBundle.maximumRoots)
            guard !roots.isEmpty else { throw MalformedMessage("it is empty") }
            return roots
        } catch { throw SVIDRefusal("its bundle cannot be read: \(error)") }
    }

    /// What a stranger wrote, for logs.
    private static func printable(_ text: String) -> String {
        String(text.unicodeScalars.prefix(256).map { $0.value < 0x20 || $0.value == 0x7f ? "?" : Character($0) })
    }
}
