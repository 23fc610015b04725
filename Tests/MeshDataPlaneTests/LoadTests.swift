import Glibc
import MeshDataPlane
import MeshSystem
import MeshTypes
import Testing

extension DataPlaneTests {
    @Suite struct LoadTests {
        @Test func carriesBulkUnharmedBothWays() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address])
            let client = try mesh.dial()
            let server = try callee.accept()
            let size = 48 << 20
            // A pattern with a period that no buffer size divides, so that a lost or repeated piece shows.
            let pattern = (0..<251 * 4096).map { UInt8(truncatingIfNeeded: $0 % 251) }
            let received = await withTaskGroup(of: (count: Int, isRight: Bool)?.self, returning: [(count: Int, isRight: Bool)].self) {
                group in
                for end in [client, server] {
                    group.addTask { @Sendable in
                        await onThread { write(pattern, to: end, total: size) }
                        return nil
                    }
                    group.addTask { @Sendable in await onThread { check(end, period: 251, total: size) } }
                }
                return await group.reduce(into: []) { all, one in if let one { all.append(one) } }
            }
            #expect(received.count == 2)
            for end in received { #expect(end.count == size && end.isRight) }
        }

        @Test func carriesManyAtOnce() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address])
            let count = 1500
            var pairs: [(TestSocket, TestSocket)] = []
            for _ in 0..<count {
                let client = try mesh.dial()
                pairs.append((client, try callee.accept()))
            }
            for (index, (client, _)) in pairs.enumerated() {
                #expect(client.write(withUnsafeBytes(of: UInt32(index)) { Array($0) }) == 0)
            }
            // Which accepted connection belongs to which client is not known: the echo tells.
            for (_, server) in pairs { _ = server.write(server.read(exactly: 4)) }
            for (index, (client, _)) in pairs.enumerated() {
                #expect(client.read(exactly: 4) == withUnsafeBytes(of: UInt32(index)) { Array($0) })
            }
            let live = await mesh.source.dataPlane.connections()
            #expect(live.count == count)
        }

        @Test func leavesNothingBehindAfterShortConnections() async throws {
            let callee = try TestListener()
            let mesh = try await TwoNodes(endpoints: [callee.address])
            func round() throws {
                let client = try mesh.dial()
                let server = try callee.accept()
                _ = client.write([1])
                _ = server.write(server.read(exactly: 1))
                _ = client.read(exactly: 1)
            }
            for _ in 0..<50 { try round() }
            usleep(200_000)
            let before = openDescriptors()
            for _ in 0..<2000 { try round() }
            // Other suites run meanwhile: a leak would be of thousands.
            for _ in 0..<100 where openDescriptors() > before + 64 { usleep(100_000) }
            #expect(openDescriptors() <= before + 64)
            #expect(await mesh.source.dataPlane.connections().isEmpty)
            #expect(await mesh.destination.dataPlane.connections().isEmpty)
        }

        @Test func oneStalledReaderStopsNobodyElse() async throws {
            let callee = try TestListener()
            var options = DataPlaneOptions()
            options.workers = 1
            let mesh = try await TwoNodes(
                endpoints: [callee.address], sourceOptions: options, destinationOptions: options)
            let stalled = try mesh.dial()
            let stalledServer = try callee.accept()
            // Far more than all windows: the writer must be stopped, not the memory filled.
            let writer = Task.detached { await onThread { write([UInt8](repeating: 1, count: 1 << 20), to: stalled, total: 256 << 20) } }
            usleep(500_000)
            for _ in 0..<20 {
                let client = try mesh.dial()
                let server = try callee.accept()
                #expect(client.write([9]) == 0)
                #expect(server.read(exactly: 1) == [9])
                #expect(server.write([8]) == 0)
                #expect(client.read(exactly: 1) == [8])
            }
            let flow = await mesh.source.dataPlane.connections().first { $0.record.sent > 1 << 20 }
            #expect((flow?.record.sent ?? .max) < 64 << 20)
            stalledServer.abort()
            stalled.abort()
            _ = await writer.value
        }
    }
}

func openDescriptors() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count
}

/// Runs blocking work on a thread of its own, not on the pool's.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        TestThread.start { continuation.resume(returning: body()) }
    }
}

private func write(_ pattern: [UInt8], to socket: TestSocket, total: Int) {
    var left = total
    while left > 0 {
        let piece = Array(pattern.prefix(min(left, pattern.count)))
        if socket.write(piece) != 0 { return }
        left -= piece.count
    }
    socket.finish()
}

private func check(_ socket: TestSocket, period: Int, total: Int) -> (count: Int, isRight: Bool) {
    var count = 0
    var isRight = true
    while case .bytes(let bytes) = socket.read(1 << 18) {
        // The pattern restarts with each piece that the writer sends; its length is a multiple of the period.
        for (offset, byte) in bytes.enumerated() where byte != UInt8(truncatingIfNeeded: (count + offset) % period) {
            isRight = false
        }
        count += bytes.count
    }
    return (count, isRight)
}
