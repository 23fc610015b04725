import Foundation
import MeshConfig
import MeshRegistry
import MeshTypes
import Testing

@Suite struct VirtualAddressTests {
    private let file = NSTemporaryDirectory() + "myelin-addresses-" + UUID().uuidString

    private func make(_ v4: String = "240.64.0.0/16") -> VirtualAddresses {
        VirtualAddresses(file: file, v4: IPNetwork(v4)!, v6: IPNetwork("fd6d:7965:6c69::/96")!)
    }

    private func services(_ range: Range<Int>) -> [ServiceIdentity] {
        range.map { ServiceIdentity(namespace: "default", name: ServiceName("s\($0)")!) }
    }

    @Test func addressesAreDistinctStableAndInTheirRanges() throws {
        defer { try? FileManager.default.removeItem(atPath: file) }
        var first = make()
        try first.assign(services(0..<2000))
        let addresses = first.assigned.values.flatMap(\.self)
        #expect(Set(addresses).count == 4000)
        #expect(addresses.filter(\.isV4).allSatisfy { $0.v4 >> 16 == 240 << 8 | 64 && $0.v4 & 0xffff != 0 && $0.v4 & 0xffff != 0xffff })
        // A restart, more services and fewer: nobody's address moves.
        var second = make()
        try second.assign(services(500..<3000))
        for service in services(500..<2000) { #expect(second.assigned[service] == first.assigned[service]) }
        try second.assign(services(0..<3000))
        #expect(second.assigned[services(0..<1)[0]] == first.assigned[services(0..<1)[0]])
    }

    @Test func anExhaustedRangeIsAnErrorAndAddressesOfTheGoneAreUsedLast() throws {
        defer { try? FileManager.default.removeItem(atPath: file) }
        var addresses = make("240.64.0.0/28")
        try addresses.assign(services(0..<14))
        #expect(throws: VirtualAddressFailure.self) { try addresses.assign(services(0..<15)) }
        try addresses.assign(services(5..<19))
        #expect(Set(addresses.assigned.values.flatMap(\.self)).count == 28)
    }

    @Test func aDamagedFileIsSaidAndNotFatal() throws {
        defer { try? FileManager.default.removeItem(atPath: file) }
        try "{half".write(toFile: file, atomically: true, encoding: .utf8)
        var addresses = make()
        #expect(addresses.warning?.contains("damaged") == true)
        try addresses.assign(services(0..<1))
        #expect(make().warning == nil)
    }

    @Test func aFileThatCannotBeWrittenIsAnError() {
        var addresses = VirtualAddresses(file: "/proc/none/x.json", v4: IPNetwork("240.64.0.0/16")!, v6: IPNetwork("fd6d:7965:6c69::/96")!)
        #expect(throws: VirtualAddressFailure.self) { try addresses.assign(services(0..<1)) }
    }
}

@Suite struct DocumentWatchTests {
    @Test func noticesChangesOnceTheyHaveSettledAndSwappedLinks() async throws {
        let directory = NSTemporaryDirectory() + "myelin-watch-" + UUID().uuidString
        let files = FileManager.default
        for version in ["..1", "..2"] {
            try files.createDirectory(atPath: directory + "/" + version, withIntermediateDirectories: true)
            try version.write(toFile: "\(directory)/\(version)/a.yaml", atomically: false, encoding: .utf8)
        }
        defer { try? files.removeItem(atPath: directory) }
        try files.createSymbolicLink(atPath: directory + "/..data", withDestinationPath: "..1")
        try files.createSymbolicLink(atPath: directory + "/a.yaml", withDestinationPath: "..data/a.yaml")
        let watch = DocumentWatch(path: directory, extensions: [".yaml"])
        let (changes, continuation) = AsyncStream.makeStream(of: Void.self)
        let (hints, hint) = AsyncStream.makeStream(of: Void.self)
        let running = Task { await watch.run(hints: hints) { continuation.yield() } }
        defer { running.cancel() }
        var iterator = changes.makeAsyncIterator()
        // As Kubernetes does it: a new link is renamed over the old one.
        try files.createSymbolicLink(atPath: directory + "/..tmp", withDestinationPath: "..2")
        #expect(rename(directory + "/..tmp", directory + "/..data") == 0)
        await iterator.next()
        try "b: 1".write(toFile: directory + "/b.yaml", atomically: false, encoding: .utf8)
        await iterator.next()
        hint.yield()
        await iterator.next()
    }
}
