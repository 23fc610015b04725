package import MeshTypes

/// What docs/denials.md says at length, in one sentence each: the access line carries it to whoever reads only the line.
extension DenialReason {
    /// What happened, and after the semicolon what to do; empty for `none`.
    package var explanation: String {
        switch self {
        case .none: ""
        case .notAllowed: "the caller's policy does not list the callee; add it to allow: if it may call it"
        case .denied: "a deny: rule of one of the two forbids it; myelinctl explain CALLER CALLEE names the rule"
        case .egress: "the destination is no service of the mesh; register it as one"
        case .unknownWorkload: "the registry does not name this workload's cgroup; add it, or see capture.unknown and capture.closed"
        case .udp: "UDP other than DNS is not carried; use TCP between meshed services"
        case .rawSocket: "a raw or packet socket is refused; meshed workloads have no need of one"
        case .mptcp: "multipath TCP is refused; use plain TCP"
        case .socketKind: "this kind of socket is not captured; use TCP"
        case .plaintext: "the call came from outside the mesh; call through it, or set mTLS: permissive while migrating"
        case .ownPort: "the port is the daemon's own: nobody else dials or binds it; call services by their names"
        case .noEndpoint: "the service has no endpoint left; see myelinctl endpoints"
        case .tableFull: "a table of the kernel, or the workload's share of it, is full; see myelinctl workloads"
        case .notRunning: "the daemon of this node was not ready; traffic flows again once it runs"
        case .leak: "the packet belongs to no captured flow; restart the program if its connection is older than the enrolment"
        case .wrongListener:
            "somebody else listens on the service's port while the service does not; see who with ss -ltnp, and start the service"
        case .unreadablePacket: "the packet is a fragment or has headers that lead to no TCP or UDP; send it without IPv6 extension headers"
        case .noCertificate: "a service has no valid certificate on its node yet; see myelinctl certificates"
        case .peerUnverified: "the other end's certificate is expired, foreign or absent; myelinctl check compares clocks and trust"
        case .certificateRevoked:
            "the authority revoked the other end's certificate; myelind ca status lists what is revoked, and why"
        case .certificateExpired:
            "a certificate of the tunnel came to its end; myelinctl certificates on both nodes says why it was not renewed"
        case .permitWithdrawn: "the callee's node does not permit it, or no longer; its own log and flows say by which rule"
        case .nameRefused: "the service's policy does not list the name outside the mesh; add it to dns: {names: …} if it may ask for it"
        case .peerIdentity: "the certificate belongs to another service; correct the node of the endpoint in the registry"
        case .malformedRequest: "the peer asked in a form that is no CONNECT with an address; it is no HBONE client"
        case .notAnEndpoint: "that address is no endpoint of the service on this node; compare the registries of the two nodes"
        case .endpointRefused: "the workload refused the connection; does it listen on its port"
        case .endpointTimeout: "the workload did not accept in time; it hangs or its backlog is full"
        case .tunnelFailed: "no tunnel to the other node could be opened; is its daemon alive and its tunnel port reachable"
        case .overloaded: "a bound on connections, streams or buffers was reached; see myelinctl status"
        case .shareExhausted:
            "the workload, or the calling service, has its share of the node's connections; myelinctl workloads shows it, close idle ones"
        case .handshakeLimit:
            "a peer showed no certificate in time, gave way to others, or has its share of tunnels; look who connects to the tunnel's port"
        case .noRecord: "the kernel programs did not send this connection; somebody dials the capture port directly"
        case .protocolViolation: "the peer broke HTTP/2's rules or flooded it; it is broken or hostile"
        case .draining: "the daemon is stopping; try again"
        case .reset: "one side aborted the flow; look at the program that did"
        case .deadlineExceeded:
            "no answer within the request's deadline; raise timeouts.request of the callee's policy, or look why it is slow"
        case .idleTimeout: "no byte moved for timeouts.idle of the callee's policy; raise it, or let the program send a sign of life"
        case .rateLimited: "the callee's rate_limit is used up; call less often, or raise it"
        case .badRequest: "the request is not HTTP/1.1 as RFC 9112 defines it; the answer says what is wrong with it"
        case .forgedIdentity:
            "the caller's node sent a field that says another caller than its certificate does; it is hostile, or older than this node"
        case .badResponse: "the callee's answer is not HTTP/1.1 as RFC 9112 defines it; look at the callee"
        case .circuitOpen: "too many calls of the service failed lately; they are let through again after a while, see myelinctl endpoints"
        case .queueFull: "as many requests are being answered as concurrency allows, and the queue is full or too long; call less often"
        case .shed:
            "more requests come than the callee can answer, so its queue stands; call less often, or raise concurrency or the instances"
        case .limitUnavailable: "the server that counts for all nodes is away and limits.unavailable is refuse; see myelinctl status"
        case .injectedFault: "a fault: of the callee's policy asks for it; remove it when the test is over"
        case .endpointNotReady:
            "the endpoint fails its health checks while others do not; myelinctl endpoints on its node says what it answers"
        case .endpointClosed: "the callee closed the connection without an answer; did it crash or restart"
        }
    }
}
