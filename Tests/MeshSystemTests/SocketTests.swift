import Glibc
import MeshSystem
import MeshTypes
import Testing

@Suite struct SocketTests {
    @Test(arguments: [IPAddress.v4Loopback, .v6Loopback])
    func listensWhereItIsTold(ip: IPAddress) throws {
        let listener = try TCPSocket.listen(on: SocketAddress(ip: ip, port: 0))
        let address = try #require(TCPSocket.localAddress(listener.raw))
        #expect(address.ip == ip && address.port != 0)
        #expect(TCPSocket.peerAddress(listener.raw) == nil)
    }

    @Test func saysWhichAddressIsTaken() throws {
        let listener = try TCPSocket.listen(on: SocketAddress(ip: .v4Loopback, port: 0))
        let address = try #require(TCPSocket.localAddress(listener.raw))
        let failure = #expect(throws: SystemError.self) { _ = try TCPSocket.listen(on: address) }
        #expect(failure?.code == EADDRINUSE)
        #expect(failure?.description.contains(address.description) == true)
    }

    @Test func closesWithItsOwner() throws {
        let raw: Int32
        do {
            let file = try FileDescriptor.open("/dev/null")
            raw = file.raw
            #expect(fcntl(raw, F_GETFD) == FD_CLOEXEC)
        }
        #expect(fcntl(raw, F_GETFD) == -1)
    }

    @Test func kernelAddressSurvivesTheRoundTrip() throws {
        for text in ["10.1.2.3:80", "[2001:db8::1]:443"] {
            let address = try #require(SocketAddress(text))
            #expect(KernelAddress(address).address == address)
        }
        #expect(KernelAddress().address == nil)
    }

    @Test func pollerReportsTheToken() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let reader = FileDescriptor(owning: ends[0])
        let writer = FileDescriptor(owning: ends[1])
        let poller = try Poller()
        try poller.add(reader.raw, .readable, token: 42)
        let events = PollEvents(capacity: 4)
        #expect(poller.wait(events, timeout: 0) == 0)
        #expect(write(writer.raw, "x", 1) == 1)
        #expect(poller.wait(events, timeout: 100) == 1)
        #expect(events[0].ready.contains(.readable))
        #expect(events[0].token == 42)
    }

    @Test func findsCgroup2() throws {
        let mount = try #require(ControlGroup.mountPoint())
        #expect(try ControlGroup.id(ofDirectory: mount) > 0)
    }
}
