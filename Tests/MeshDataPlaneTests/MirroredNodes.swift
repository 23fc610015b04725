import Glibc
import MeshDataPlane
import MeshPolicy
import MeshTypes

/// Two nodes on which `caller`'s requests to `callee` are mirrored.
enum MirroredNodes {
    static let trialID = ServiceID(rawValue: 3)

    /// `caller` may call `callee`, and `trial` unless it is said otherwise.
    ///
    /// - Parameters:
    ///   - denied: operations of `trial` that `caller` may not ask for.
    ///   - change: the route of `callee` that takes every request.
    static func policy(
        allowsTrial: Bool = true, denied: [String] = [], callee: (inout ServicePolicy) -> Void = { _ in },
        trial: (inout ServicePolicy) -> Void = { _ in }, _ change: (inout ServicePolicy.Route) -> Void
    ) -> PolicySet {
        let location = RuleLocation(file: "caller.yaml", line: 1, column: 1)
        func rule(_ service: ServiceIdentity, _ operation: String? = nil) -> PolicyRule {
            PolicyRule(peer: .service(service.name), operation: operation, location: location)
        }
        var callers = ServicePolicy(service: TwoNodes.caller.name, location: location)
        callers.allow = [rule(TwoNodes.callee)] + (allowsTrial ? [rule(TwoNodes.trial)] : [])
        callers.deny = denied.map { rule(TwoNodes.trial, $0) }
        var route = ServicePolicy.Route()
        change(&route)
        var callees = ServicePolicy(service: TwoNodes.callee.name, location: location)
        callees.routes = [route]
        callee(&callees)
        var trials = ServicePolicy(service: TwoNodes.trial.name, location: location)
        trial(&trials)
        return PolicySet([callers, callees, trials], namespace: "default")
    }

    /// Copies to `trial`, or to a version of `callee`.
    static func mirror(version: String? = nil, _ change: (inout Mirror) -> Void = { _ in }) -> Mirror {
        var mirror = Mirror()
        if let version { mirror.version = version } else { mirror.service = TwoNodes.trial.name }
        change(&mirror)
        return mirror
    }
}

extension TwoNodes {
    /// What became of so many copies, or of fewer when no more end in time.
    func mirrored(_ count: Int, seconds: Double = 5) -> [FlowRecord] {
        var found: [FlowRecord] = []
        let deadline = ContinuousClock.now + .seconds(seconds)
        while found.count < count, ContinuousClock.now < deadline {
            for ring in source.rings { ring.drain { if $0.request.isShadow { found.append($0) } } }
            usleep(1000)
        }
        return found
    }
}

extension Array where Element == FlowRecord {
    var mirrorResults: [MirrorResult: Int] {
        reduce(into: [:]) { counts, record in record.request.mirror.map { counts[$0, default: 0] += 1 } }
    }
}
