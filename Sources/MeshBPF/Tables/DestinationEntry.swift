internal import CMyelinABI
package import MeshTypes

/// Which service answers at an address that workloads may dial.
package struct DestinationEntry: KernelLayout {
    package var service: ServiceID
    /// No endpoint is left: connects fail at once with ECONNREFUSED.
    package var dead: Bool
    /// The address of one endpoint, not a virtual one: `Verdict.direct` leads to that very endpoint, or to the daemon.
    package var isEndpoint: Bool

    package init(service: ServiceID, dead: Bool = false, isEndpoint: Bool = false) {
        self.service = service
        self.dead = dead
        self.isEndpoint = isEndpoint
    }

    var raw: myelin_destination {
        var flags: UInt32 = 0
        if dead { flags |= UInt32(MYELIN_DESTINATION_DEAD) }
        if isEndpoint { flags |= UInt32(MYELIN_DESTINATION_ENDPOINT) }
        return myelin_destination(service: service.rawValue, flags: flags)
    }

    init(raw: myelin_destination) {
        self.init(
            service: ServiceID(rawValue: raw.service), dead: raw.flags & UInt32(MYELIN_DESTINATION_DEAD) != 0,
            isEndpoint: raw.flags & UInt32(MYELIN_DESTINATION_ENDPOINT) != 0)
    }
}
