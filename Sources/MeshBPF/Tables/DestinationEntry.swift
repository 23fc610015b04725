internal import CMyelinABI
package import MeshTypes

/// Which service answers at an address that workloads may dial.
package struct DestinationEntry: KernelLayout {
    package var service: ServiceID
    /// No endpoint is left: connects fail at once with ECONNREFUSED.
    package var dead: Bool

    package init(service: ServiceID, dead: Bool = false) {
        self.service = service
        self.dead = dead
    }

    var raw: myelin_destination {
        myelin_destination(service: service.rawValue, flags: dead ? UInt32(MYELIN_DESTINATION_DEAD) : 0)
    }

    init(raw: myelin_destination) {
        self.init(service: ServiceID(rawValue: raw.service), dead: raw.flags & UInt32(MYELIN_DESTINATION_DEAD) != 0)
    }
}
