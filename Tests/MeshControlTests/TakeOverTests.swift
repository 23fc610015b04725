import Foundation
import Logging
import MeshControl
import MeshTypes
import Testing

/// What outlives a daemon, and how the next one is watched and heard.
@Suite struct TakeOverTests {
    private func service(_ name: String) -> ServiceIdentity { ServiceIdentity(namespace: "default", name: ServiceName(name)!) }

    private func inDirectory(_ body: (String) throws -> Void) throws {
        let directory = NSTemporaryDirectory() + "myelin-numbers-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body(directory + "/service-numbers")
    }

    @Test func aServiceKeepsItsNumberFromOneDaemonToTheNext() throws {
        try inDirectory { file in
            let first = ServiceNumbers(file: file)
            #expect(!first.restore())
            first.startAnew()
            let wallet = first.number(of: service("wallet"))
            let usage = first.number(of: service("usage"))
            let second = ServiceNumbers(file: file)
            #expect(second.restore())
            #expect(second.number(of: service("usage")) == usage && second.number(of: service("wallet")) == wallet)
            let rwa = second.number(of: service("rwa"))
            let third = ServiceNumbers(file: file)
            #expect(third.restore() && third.number(of: service("rwa")) == rwa && third.identity(of: wallet!) == service("wallet"))
        }
    }

    /// A file that was cut off, or that somebody wrote into, would give numbers of other services: refused whole.
    @Test(arguments: ["default/wallet\ndefault/usa", "default/wallet\ndefault/wallet\n", "wallet\n", "default/UPPER_\u{1}\n", ""])
    func aDamagedFileIsNotUsed(contents: String) throws {
        try inDirectory { file in
            try Data(contents.utf8).write(to: URL(fileURLWithPath: file))
            #expect(!ServiceNumbers(file: file).restore())
        }
    }

    @Test func aNewBeginningForgetsTheOldNumbers() throws {
        try inDirectory { file in
            let first = ServiceNumbers(file: file)
            first.startAnew()
            _ = first.number(of: service("wallet"))
            first.startAnew()
            #expect(first.number(of: service("usage"))?.rawValue == 1)
            let second = ServiceNumbers(file: file)
            #expect(second.restore() && second.identity(of: ServiceID(rawValue: 1)) == service("usage"))
        }
    }

    @Test(arguments: [
        ("/system.slice/system-myelin.slice/myelind.service", "/system.slice/system-myelin.slice"),
        ("/system.slice/myelind.service", "/system.slice/myelind.service"),
        ("/lab/node-1/daemon", "/lab/node-1/daemon"), ("/system-myelin.slice", "/system-myelin.slice"),
    ])
    func theDaemonIsKnownByItsSliceIfItHasOne(own: String, standing: String) { #expect(DaemonCgroup.standing(own: own) == standing) }

    @Test func whatIsSilentForTooLongIsNamed() {
        let now: UInt64 = 100_000_000_000
        func signs(workers: UInt64 = 0, names: UInt64 = 0, control: UInt64 = 0) -> Watchdog.Signs {
            Watchdog.Signs(
                workers: now - workers * 1_000_000_000, names: now - names * 1_000_000_000, control: now - control * 1_000_000_000)
        }
        #expect(Watchdog.hung(signs(workers: 5, names: 5, control: 20), now: now).isEmpty)
        #expect(Watchdog.hung(signs(workers: 6), now: now) == ["a worker"])
        #expect(Watchdog.hung(signs(names: 6, control: 21), now: now) == ["the name server", "the reconciler"])
        // A sign that is newer than the look.
        #expect(Watchdog.hung(Watchdog.Signs(workers: now + 1, names: now, control: now), now: now).isEmpty)
    }

    @Test func theJournalIsKnownByItsInode() throws {
        var status = stat()
        let file = NSTemporaryDirectory() + "myelin-stream-" + UUID().uuidString
        let descriptor = open(file, O_CREAT | O_RDWR, 0o600)
        defer {
            close(descriptor)
            unlink(file)
        }
        try #require(fstat(descriptor, &status) == 0)
        #expect(JournalStream.isJournal(descriptor: descriptor, stream: "\(status.st_dev):\(status.st_ino)"))
        #expect(!JournalStream.isJournal(descriptor: descriptor, stream: "\(status.st_dev):\(status.st_ino + 1)"))
        #expect(!JournalStream.isJournal(descriptor: descriptor, stream: nil))
        #expect(JournalStream.priority(of: .critical) == 2 && JournalStream.priority(of: .notice) == 5)
    }
}
