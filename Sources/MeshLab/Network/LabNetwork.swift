/// Namespaces, bridges, veth pairs, addresses and routes of a laboratory.
///
/// Uplinks of the nodes (10.87.0.<n>, fd87::<n>) meet on the bridge `br0` of the wire's namespace; the pods of a node meet on its bridge
/// `pods` (10.88.<n>.0/24, fd88:<n>::/64). All addresses are known inside the laboratory's namespaces only.
struct LabNetwork {
    let plan: LabPlan
    let places: LabPlaces

    func raise() throws(LabError) {
        var lines = ["ip netns add \(places.wire)", "ip -n \(places.wire) link set lo up"]
        lines.append("ip -n \(places.wire) link add br0 type bridge")
        lines.append("ip -n \(places.wire) addr add 10.87.0.254/24 dev br0")
        lines.append("ip -n \(places.wire) addr add fd87::254/64 dev br0 nodad")
        lines.append("ip -n \(places.wire) link set br0 up")
        for node in plan.nodes {
            lines += raise(node)
            lines += pod(node.outsideNamespace, of: node, interface: "outside", ipv4: node.outsideIPv4, ipv6: node.outsideIPv6)
            for (position, workload) in plan.workloads.filter({ $0.node == node.name && !$0.isHost }).enumerated() {
                lines += pod(workload.namespace, of: node, interface: "pod\(position)", ipv4: workload.ipv4, ipv6: workload.ipv6)
            }
        }
        try ChildProcess.script(lines.joined(separator: "\n"))
    }

    private func raise(_ node: LabNode) -> [String] {
        let inside = "ip -n \(node.namespace)"
        var lines = [
            "ip netns add \(node.namespace)",
            "\(inside) link set lo up",
            "nsenter --net=/run/netns/\(node.namespace) sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; "
                + "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'",
            "\(inside) link add uplink type veth peer name n\(node.number) netns \(places.wire)",
            "ip -n \(places.wire) link set n\(node.number) master br0 up",
            "\(inside) addr add \(node.uplink4)/24 dev uplink",
            "\(inside) addr add \(node.uplink6)/64 dev uplink nodad",
            "\(inside) link set uplink up",
            "\(inside) link add pods type bridge",
            "\(inside) addr add \(node.ipv4)/24 dev pods",
            "\(inside) addr add \(node.ipv6)/64 dev pods nodad",
            "\(inside) link set pods up",
        ]
        for other in plan.nodes where other.number != node.number {
            lines.append("\(inside) route add 10.88.\(other.number).0/24 via \(other.uplink4) src \(node.ipv4)")
            lines.append("\(inside) -6 route add fd88:\(other.number)::/64 via \(other.uplink6) src \(node.ipv6)")
        }
        // The wire itself stands for the world beyond the cluster.
        lines.append("\(inside) route add default via 10.87.0.254")
        lines.append("\(inside) -6 route add default via fd87::254")
        lines.append("ip -n \(places.wire) route add 10.88.\(node.number).0/24 via \(node.uplink4)")
        lines.append("ip -n \(places.wire) -6 route add fd88:\(node.number)::/64 via \(node.uplink6)")
        return lines
    }

    private func pod(_ namespace: String, of node: LabNode, interface: String, ipv4: String, ipv6: String) -> [String] {
        let inside = "ip -n \(namespace)"
        return [
            "ip netns add \(namespace)",
            "\(inside) link set lo up",
            "\(inside) link add eth0 type veth peer name \(interface) netns \(node.namespace)",
            "ip -n \(node.namespace) link set \(interface) master pods up",
            "\(inside) addr add \(ipv4)/24 dev eth0",
            "\(inside) addr add \(ipv6)/64 dev eth0 nodad",
            "\(inside) link set eth0 up",
            "\(inside) route add default via \(node.ipv4)",
            "\(inside) -6 route add default via \(node.ipv6)",
        ]
    }
}
