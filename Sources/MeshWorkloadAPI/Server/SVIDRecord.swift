internal import Foundation
internal import MeshIdentity
internal import MeshTypes

/// One workload's SVID with its schedule: values only; `WorkloadSVIDs` does the asking.
struct SVIDRecord {
    let workload: Workload
    let identity: SPIFFEID
    private(set) var current: WorkloadSVID?
    private(set) var lastError: AuthorityFailure?
    private(set) var nextAttempt: Date
    private var failures = 0
    /// A request is on its way; nobody makes a second one.
    var isAsking = false

    init(workload: Workload, identity: SPIFFEID, now: Date) {
        self.workload = workload
        self.identity = identity
        nextAttempt = now
    }

    func isDue(_ now: Date) -> Bool { !isAsking && now >= nextAttempt }

    mutating func succeeded(_ svid: WorkloadSVID, now: Date, chance: Double) {
        current = svid
        failures = 0
        lastError = nil
        nextAttempt = RenewalSchedule.due(issued: now, notAfter: svid.notAfter, chance: chance)
    }

    mutating func failed(_ why: AuthorityFailure, now: Date, chance: Double) {
        failures += 1
        lastError = why
        nextAttempt = RenewalSchedule.retry(failures: failures, now: now, notAfter: current?.notAfter, chance: chance)
    }

    /// Lets go of an SVID that ended. - Returns: true if there was one.
    mutating func expire(_ now: Date) -> Bool {
        guard let current, now >= current.notAfter else { return false }
        self.current = nil
        return true
    }

    func status(streams: Int) -> WorkloadSVIDStatus {
        WorkloadSVIDStatus(
            workload: workload, identity: identity, notBefore: current?.notBefore, notAfter: current?.notAfter, serial: current?.serial,
            nextAttempt: nextAttempt,
            lastError: lastError?.description, streams: streams)
    }
}
