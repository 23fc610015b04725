package import MeshRuntime
package import MeshTypes

/// How many tunnels of each kind a worker has, so that none of them takes another's places: those that it opens, those of peers that it
/// knows, and connections whose other end has proved nothing yet.
package struct TunnelPlaces {
    package struct Bounds: Sendable {
        /// Tunnels that this node opens.
        package var own = 4096
        /// Tunnels of peers that showed their certificate.
        package var verified = 4096
        /// Of those, from one address (IPv6: from one /64), and of one service wherever it runs.
        package var perAddress = 1024
        package var perPeer = 2048
        /// Connections that have not shown a certificate yet, and those of one address among them.
        package var arrivals = ArrivalPool<IPAddress, SlabHandle>.Bounds(total: 1024, perSource: 256)
        /// What is left of those once descriptors run out.
        package var scarceArrivals = 64

        package init() {}

        package var total: Int { own + verified + arrivals.total }
    }

    /// What a tunnel takes.
    package enum Place: BitwiseCopyable {
        case none
        case own
        case arrival(ArrivalPool<IPAddress, SlabHandle>.Place)
        case verified(peer: ServiceID, address: IPAddress)
    }

    private let bounds: Bounds
    package private(set) var arrivals: ArrivalPool<IPAddress, SlabHandle>
    private var own = 0
    private var verified = 0
    private var byAddress: [IPAddress: Int] = [:]
    private var byPeer: [ServiceID: Int] = [:]

    package init(_ bounds: Bounds) {
        self.bounds = bounds
        arrivals = ArrivalPool(bounds.arrivals)
    }

    /// A place for a tunnel that this node opens; nil at the bound.
    package mutating func takeOwn() -> Place? {
        guard own < bounds.own else { return nil }
        own += 1
        return .own
    }

    /// Who must go before another connection from there is taken; nil when there is room.
    package func firstToGo(for address: IPAddress, isScarce: Bool) -> SlabHandle? {
        arrivals.firstToGo(for: address.site, atMost: isScarce ? bounds.scarceArrivals : .max)?.guest
    }

    package mutating func arrive(_ tunnel: SlabHandle, from address: IPAddress) -> Place {
        .arrival(arrivals.enter(tunnel, from: address.site))
    }

    package mutating func hear(_ place: Place) {
        if case .arrival(let place) = place { arrivals.hear(place) }
    }

    /// The other end has shown who it is: it leaves the arrivals. - Returns: nil when it has its share already; it keeps its old place then.
    package mutating func verify(_ place: Place, as peer: ServiceID, from address: IPAddress) -> Place? {
        let site = address.site
        guard verified < bounds.verified, byAddress[site, default: 0] < bounds.perAddress, byPeer[peer, default: 0] < bounds.perPeer else {
            return nil
        }
        leave(place)
        verified += 1
        byAddress[site, default: 0] += 1
        byPeer[peer, default: 0] += 1
        return .verified(peer: peer, address: site)
    }

    package mutating func leave(_ place: Place) {
        switch place {
        case .none: break
        case .own: own -= 1
        case .arrival(let place): arrivals.leave(place)
        case .verified(let peer, let site):
            verified -= 1
            byAddress[site] = byAddress[site].flatMap { $0 > 1 ? $0 - 1 : nil }
            byPeer[peer] = byPeer[peer].flatMap { $0 > 1 ? $0 - 1 : nil }
        }
    }
}
