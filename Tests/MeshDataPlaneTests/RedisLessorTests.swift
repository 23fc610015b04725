import Foundation
import Glibc
import MeshLimits
import MeshResilience
import MeshTypes
import Synchronization
import Testing

extension DataPlaneTests {
    /// Leases from a real Redis, and from what only listens on its port.
    @Suite struct RedisLessorTests {
        /// Orders what the test says, and keeps the answers.
        private final class Desk: LeaseDesk {
            private struct State {
                var orders: [LeaseOrder] = []
                var answers: [LeaseAnswer] = []
                var isAvailable = false
                var wake: @Sendable () -> Void = {}
            }

            private let state = Mutex(State())

            func whenOrdered(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake = wake } }
            func takeOrders(_ maximum: Int) -> [LeaseOrder] {
                state.withLock { state in
                    let taken = Array(state.orders.prefix(maximum))
                    state.orders.removeFirst(taken.count)
                    return taken
                }
            }
            func settle(_ answers: [LeaseAnswer]) { state.withLock { $0.answers += answers } }
            func setAvailable(_ isAvailable: Bool) { state.withLock { $0.isAvailable = isAvailable } }
            var isAvailable: Bool { state.withLock { $0.isAvailable } }

            /// - Returns: nil when there is no answer within `seconds`.
            func ask(_ orders: [LeaseOrder], seconds: Double = 2) -> [LeaseAnswer]? {
                let wake = state.withLock { state in
                    state.answers = []
                    state.orders += orders
                    return state.wake
                }
                wake()
                for _ in 0..<Int(seconds * 1000) {
                    let answers = state.withLock { $0.answers }
                    if answers.count >= orders.count { return answers }
                    usleep(1000)
                }
                return nil
            }
        }

        /// A lessor that ends with the test, and what it said.
        private final class Running {
            let desk = Desk()
            let lessor: RedisLessor
            let reports: Reports

            final class Reports: Sendable {
                let all = Mutex<[LessorStatus]>([])
            }

            init(_ address: SocketAddress, _ change: (inout RedisOptions) -> Void = { _ in }) {
                var options = RedisOptions(host: "127.0.0.1", port: Int(address.port), trustDomain: "test.mesh")
                change(&options)
                let reports = Reports()
                self.reports = reports
                lessor = RedisLessor(options, desk: desk) { status in reports.all.withLock { $0.append(status) } }
                lessor.start()
            }

            deinit { lessor.stop() }

            /// - Returns: whether it is so within `seconds`.
            func becomes(_ seconds: Double = 5, _ isIt: (LessorStatus) -> Bool) -> Bool {
                for _ in 0..<Int(seconds * 1000) {
                    if isIt(lessor.status) { return true }
                    usleep(1000)
                }
                return false
            }

            var isAvailable: Bool { becomes { $0 == .available } }

            /// - Parameter text: part of the reason; empty for any.
            func isAway(because text: String) -> Bool {
                becomes { if case .away(let reason) = $0 { text.isEmpty || reason.contains(text) } else { false } }
            }
        }

        private func order(
            _ number: UInt64, _ name: String, _ requests: Int, burst: Int? = nil, hours: UInt64 = 1, tokens: Int
        ) -> LeaseOrder {
            LeaseOrder(
                number: number, name: name, requests: requests, period: hours * 3_600_000_000_000, burst: burst ?? requests, tokens: tokens)
        }

        @Test func tokensAreLeasedOnceAndComeBackWithTime() throws {
            let redis = try RedisServer()
            let running = Running(redis.address)
            #expect(running.isAvailable && running.desk.isAvailable)
            // 3600 an hour: one a second.
            let first = try #require(
                running.desk.ask([order(1, "a", 3600, burst: 10, tokens: 4), order(2, "b", 3600, burst: 3, tokens: 9)]))
            #expect(first[0] == LeaseAnswer(number: 1, tokens: 4, wait: 0))
            #expect(first[1].tokens == 3 && (900_000_000...1_000_000_000).contains(first[1].wait))
            let second = try #require(running.desk.ask([order(1, "a", 3600, burst: 10, tokens: 9)]))
            #expect(second[0].tokens == 6)
            usleep(UInt32(second[0].wait / 1000) + 1000)
            #expect(running.desk.ask([order(1, "a", 3600, burst: 10, tokens: 9)])?.first?.tokens == 1)
            #expect(running.lessor.roundTrips == 3)
            #expect(try redis.ask("EXISTS myelin:test.mesh:rl:a").hasPrefix(":1"))
            // Forgotten when it would be full: ten seconds, and one to spare.
            let expiry = try redis.ask("PTTL myelin:test.mesh:rl:a").dropFirst().prefix { $0.isNumber }
            #expect((9_000...11_000).contains(Int(expiry) ?? 0))
        }

        @Test func aBucketNeverHoldsMoreThanItsBurstWhateverTheClockSays() throws {
            let redis = try RedisServer()
            let running = Running(redis.address)
            #expect(running.isAvailable)
            #expect(running.desk.ask([order(1, "a", 100, tokens: 100)])?.first?.tokens == 100)
            // As if the clock had been put back by a day since the last use, and then forward.
            _ = try redis.ask("HSET myelin:test.mesh:rl:a at 9999999999999999")
            #expect(running.desk.ask([order(1, "a", 100, tokens: 100)])?.first?.tokens == 0)
            _ = try redis.ask("HSET myelin:test.mesh:rl:a at 1")
            #expect(running.desk.ask([order(1, "a", 100, tokens: 1000)])?.first?.tokens == 100)
        }

        @Test func aFlushedScriptIsSentAgain() throws {
            let redis = try RedisServer()
            let running = Running(redis.address)
            #expect(running.isAvailable)
            #expect(running.desk.ask([order(1, "a", 100, tokens: 1)])?.first?.tokens == 1)
            #expect(try redis.ask("SCRIPT FLUSH").hasPrefix("+OK"))
            #expect(running.desk.ask([order(1, "a", 100, tokens: 100)])?.first?.tokens == 99)
            #expect(running.reports.all.withLock { $0 } == [.available])
        }

        @Test func aDeadRedisIsNoticedAndMissedUntilItIsBack() throws {
            let redis = try RedisServer()
            let running = Running(redis.address)
            #expect(running.isAvailable)
            redis.stop()
            #expect(running.isAway(because: "no connection"))
            #expect(!running.desk.isAvailable)
            usleep(500_000)
            try redis.start()
            #expect(running.isAvailable)
            #expect(running.desk.ask([order(1, "a", 100, tokens: 1)])?.first?.tokens == 1)
        }

        @Test func aRedisThatDoesNotAnswerInTimeIsAway() throws {
            let redis = try RedisServer()
            let running = Running(redis.address)
            #expect(running.isAvailable)
            redis.pause()
            let start = ContinuousClock.now
            #expect(running.desk.ask([order(1, "a", 100, tokens: 1)], seconds: 0.05) == nil)
            #expect(running.isAway(because: "no answer in time"))
            #expect((.milliseconds(190)...(.milliseconds(600))).contains(ContinuousClock.now - start))
            redis.resume()
            #expect(running.isAvailable)
        }

        @Test func aPasswordIsReadFromItsFileForEachConnection() throws {
            let redis = try RedisServer(["--requirepass", "open sesame"])
            let file = try Scratch.directory() + "/password"
            try "wrong\n".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(Running(redis.address).isAway(because: "NOAUTH"))
            let running = Running(redis.address) { $0.passwordFile = file }
            #expect(running.isAway(because: "it refuses the login: WRONGPASS"))
            try "open sesame\n".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(running.isAvailable)
            #expect(Running(redis.address) { $0.passwordFile = file + ".none" }.isAway(because: "cannot be read"))
        }

        @Test func anAccountNeedsNoMoreThanTheDocumentationSays() throws {
            let redis = try RedisServer()
            let page = try String(contentsOfFile: "docs/configuration.md", encoding: .utf8)
            let rule = try #require(page.split(separator: "\n").first { $0.hasPrefix("ACL SETUSER myelin ") })
            #expect(try redis.ask(String(rule).replacing("<password>", with: "secret")).hasPrefix("+OK"))
            let file = try Scratch.directory() + "/password"
            try "secret".write(toFile: file, atomically: true, encoding: .utf8)
            let running = Running(redis.address) {
                $0.username = "myelin"
                $0.passwordFile = file
                $0.database = 2
            }
            #expect(running.isAvailable)
            #expect(running.desk.ask([order(1, "a", 100, tokens: 1)])?.first?.tokens == 1)
            #expect(try redis.ask("SCRIPT FLUSH").hasPrefix("+OK"))
            #expect(running.desk.ask([order(1, "a", 100, tokens: 1)])?.first?.tokens == 1)
        }

        @Test func aReplicaIsNoPlaceToCount() throws {
            let primary = try RedisServer()
            let replica = try RedisServer(["--replicaof", "127.0.0.1", "\(primary.address.port)"])
            #expect(Running(replica.address).isAway(because: "it refuses the script: "))
        }

        @Test func theCertificateIsVerified() throws {
            let files = try Certificates()
            let redis = try RedisServer(
                isTLS: true,
                [
                    "--tls-cert-file", files.certificate, "--tls-key-file", files.key, "--tls-ca-cert-file", files.certificate,
                    "--tls-auth-clients", "no",
                ])
            let trusting = Running(redis.address) {
                $0.usesTLS = true
                $0.authorityFile = files.certificate
            }
            #expect(trusting.isAvailable)
            #expect(trusting.desk.ask([order(1, "a", 100, tokens: 1)])?.first?.tokens == 1)
            #expect(Running(redis.address) { $0.usesTLS = true }.isAway(because: "CERTIFICATE_VERIFY_FAILED"))
            #expect(Running(redis.address).isAway(because: ""))
        }

        /// A certificate of 127.0.0.1, made by Debian's openssl.
        private struct Certificates {
            let certificate: String
            let key: String

            init() throws {
                let directory = try Scratch.directory()
                certificate = directory + "/certificate.pem"
                key = directory + "/key.pem"
                let openssl = Process()
                openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
                openssl.arguments = [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
                    "/CN=redis",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
                ]
                openssl.standardError = FileHandle.nullDevice
                try openssl.run()
                openssl.waitUntilExit()
            }
        }

        @Test(arguments: [
            "HTTP/1.1 400 Bad Request\r\n\r\n", "*2\r\n:0\r\n:0\r\n+surprise\r\n", "$99999999\r\n", "*-7\r\n", "-ERR no\r\n", ":1\r\n",
            String(repeating: "*1\r\n", count: 100), String(repeating: "a", count: 100_000),
        ])
        func whatIsNoRedisIsLeft(reply: String) throws {
            let listener = try TestListener()
            TestThread.start {
                while let socket = try? listener.accept() {
                    _ = socket.read()
                    _ = socket.write(Array(reply.utf8))
                    _ = socket.readAll()
                }
            }
            let running = Running(listener.address)
            #expect(running.isAway(because: "it "))
            #expect(!running.desk.isAvailable)
        }
    }
}
