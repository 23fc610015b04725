internal import CMyelinABI
package import MeshTypes

/// Who calls whom.
package struct VerdictKey: KernelLayout {
    package let source: ServiceID
    package let destination: ServiceID

    package init(source: ServiceID, destination: ServiceID) {
        self.source = source
        self.destination = destination
    }

    var raw: myelin_verdict_key { myelin_verdict_key(source: source.rawValue, destination: destination.rawValue) }

    init(raw: myelin_verdict_key) {
        self.init(source: ServiceID(rawValue: raw.source), destination: ServiceID(rawValue: raw.destination))
    }
}

/// What the connect hook does with such a call. A pair that is absent is denied with `.notAllowed`.
package enum Verdict: KernelLayout {
    case deny(DenialReason)
    /// To the daemon.
    case proxy
    /// To a local endpoint if there is one of the caller's address family, else to the daemon.
    case direct

    var raw: myelin_verdict {
        switch self {
        case .deny(let reason): myelin_verdict(action: MYELIN_ACTION_DENY.rawValue, reason: UInt32(reason.rawValue))
        case .proxy: myelin_verdict(action: MYELIN_ACTION_PROXY.rawValue, reason: 0)
        case .direct: myelin_verdict(action: MYELIN_ACTION_DIRECT.rawValue, reason: 0)
        }
    }

    init(raw: myelin_verdict) {
        switch raw.action {
        case MYELIN_ACTION_PROXY.rawValue: self = .proxy
        case MYELIN_ACTION_DIRECT.rawValue: self = .direct
        default: self = .deny(DenialReason(rawValue: UInt8(truncatingIfNeeded: raw.reason)) ?? .notAllowed)
        }
    }
}
