import Foundation
import MeshIdentity
import MeshTLS
import MeshTypes
import Testing
import X509

@Suite struct EmbeddedCATests {
    let scratch = Scratch()

    private func open(_ trustDomain: String = "daarion.city", now: Date = Date()) throws -> EmbeddedCA {
        try EmbeddedCA.open(directory: scratch.authority, trustDomain: trustDomain, now: now)
    }

    private func failure(_ trustDomain: String = "daarion.city", now: Date = Date()) -> AuthorityFailure? {
        do {
            _ = try open(trustDomain, now: now)
            return nil
        } catch { return error as? AuthorityFailure }
    }

    @Test func makesAPrivateDirectoryOnFirstUse() throws {
        _ = try open()
        #expect(scratch.mode("") == 0o700)
        #expect(scratch.mode("root.key") == 0o600)
        #expect(scratch.files == ["lock", "root.key", "root.pem"])
        #expect(scratch.text("root.key").hasPrefix("-----BEGIN PRIVATE KEY-----"))
    }

    @Test func staysTheSameAuthority() throws {
        let first = try open()
        #expect(try open().rootDER == first.rootDER)
    }

    @Test func twoThatOpenItAtOnceShareOne() async throws {
        let directory = scratch.authority
        let roots = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<16 { group.addTask { try EmbeddedCA.open(directory: directory, trustDomain: "daarion.city").rootDER } }
            return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(roots.count == 1)
    }

    @Test(arguments: ["root.key", ""]) func refusesWhatOthersCanRead(name: String) throws {
        _ = try open()
        let path = name.isEmpty ? scratch.authority : "\(scratch.authority)/\(name)"
        try FileManager.default.setAttributes([.posixPermissions: 0o750], ofItemAtPath: path)
        #expect(failure()?.code == .permissions)
        #expect(failure()?.advice.contains("chmod \(name.isEmpty ? 700 : 600) \(path)") == true)
    }

    @Test func refusesAKeyBehindALink() throws {
        _ = try open()
        let key = scratch.authority + "/root.key"
        try FileManager.default.moveItem(atPath: key, toPath: scratch.path + "/elsewhere")
        try FileManager.default.createSymbolicLink(atPath: key, withDestinationPath: scratch.path + "/elsewhere")
        #expect(failure()?.code == .permissions)
    }

    @Test func refusesAKeyThatDoesNotFit() throws {
        _ = try open()
        let other = Scratch()
        _ = try EmbeddedCA.open(directory: other.authority, trustDomain: "daarion.city")
        scratch.write("root.key", other.text("root.key"))
        #expect(failure()?.code == .damaged)
        #expect(failure()?.what.contains("is not the key of root.pem") == true)
    }

    @Test func refusesAnotherTrustDomain() throws {
        _ = try open()
        #expect(failure("elsewhere.example")?.code == .trustDomain)
        #expect(failure("elsewhere.example")?.what.contains("trust domain daarion.city, not of elsewhere.example") == true)
        #expect(failure("Not A Domain")?.code == .request)
    }

    @Test func refusesACertificateWithoutItsKey() throws {
        _ = try open()
        try FileManager.default.removeItem(atPath: scratch.authority + "/root.key")
        #expect(failure()?.code == .damaged)
        #expect(scratch.files == ["lock", "root.pem"], "nothing is made in place of what is missing")
    }

    @Test func finishesACreationThatWasCutShort() throws {
        _ = try open()
        try FileManager.default.removeItem(atPath: scratch.authority + "/root.pem")
        scratch.write("root.pem.new", "-----BEGIN CERTIF")
        let key = scratch.text("root.key")
        let again = try open()
        #expect(scratch.text("root.key") == key)
        #expect(scratch.files == ["lock", "root.key", "root.pem"])
        #expect(try open().rootDER == again.rootDER)
    }

    @Test(arguments: ["root.key", "root.pem"]) func refusesHalfAFile(name: String) throws {
        _ = try open()
        let whole = scratch.text(name)
        for count in [0, 1, 40, whole.count / 2] {
            scratch.write(name, String(whole.prefix(count)))
            #expect(failure()?.code == .damaged, "\(count) characters of \(name)")
        }
        scratch.write(name, String(repeating: "x", count: 70_000))
        #expect(failure()?.code == .damaged)
    }

    @Test func refusesToServeOutsideItsValidity() throws {
        let authority = try open()
        #expect(failure(now: Date(timeIntervalSinceNow: -3600))?.code == .validity)
        #expect(failure(now: authority.rootNotAfter.addingTimeInterval(1))?.code == .validity)
        #expect(authority.rootNotAfter.timeIntervalSinceNow > 9.9 * 365 * 86400)
    }

    @Test func sayWhatToDoWhenTheDirectoryCannotBeMade() throws {
        _ = FileManager.default.createFile(atPath: scratch.authority, contents: nil)
        #expect(failure() != nil)
        do {
            _ = try EmbeddedCA.open(directory: "relative/ca", trustDomain: "daarion.city")
            Issue.record("a relative path was taken")
        } catch { #expect(error.what.contains("absolute")) }
    }

    @Test func trustsFurtherRootsDuringAChange() async throws {
        let authority = try open()
        #expect(try await authority.trustedRoots() == [authority.rootDER])
        let other = Scratch()
        let next = try EmbeddedCA.open(directory: other.authority, trustDomain: "daarion.city")
        scratch.write("trusted.pem", scratch.text("root.pem") + other.text("root.pem"))
        #expect(try await authority.trustedRoots() == [authority.rootDER, next.rootDER])
        scratch.write("trusted.pem", "rubbish\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        await #expect(throws: AuthorityFailure.self) { try await authority.trustedRoots() }
    }
}

/// A disk without room: the daemon says so and leaves nothing behind.
@Suite struct FullDiskTests {
    @Test(
        .enabled(if: geteuid() == 0 || ProcessInfo.processInfo.environment["CI"] == "true", "needs root to mount a tiny file system"),
        arguments: [0, 4096])
    func leavesNothingBehind(room: Int) throws {
        let scratch = Scratch()
        let mounted = run("mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs", scratch.path)
        try #require(mounted.status == 0, "mount: \(mounted.output)")
        defer { _ = run("umount", scratch.path) }
        try FileManager.default.createDirectory(
            atPath: scratch.authority, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        let ballast = scratch.path + "/ballast"
        _ = run("dd", "if=/dev/zero", "of=\(ballast)", "bs=4096", "count=\((16384 - room) / 4096)")
        do {
            _ = try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city")
            Issue.record("opened on a full disk")
        } catch {
            #expect(error.code == .storage)
            #expect(error.advice.contains("disk is full"), "\(error)")
        }
        #expect(!scratch.files.contains { $0.hasSuffix(".new") || $0 == "root.pem" }, "\(scratch.files)")
        try FileManager.default.removeItem(atPath: ballast)
        _ = try EmbeddedCA.open(directory: scratch.authority, trustDomain: "daarion.city")
    }
}
