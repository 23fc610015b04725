import ArgumentParser
import Foundation
import MeshSystem
import MeshTypes

/// `myelin-load`: clients and servers that are quick enough to measure a mesh, and strict enough to test it.
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "myelin-load",
        abstract: "Makes TCP and HTTP load and measures it; checks that what comes back is what was sent.",
        discussion: "Exit status: 0 when all that was asked succeeded, 1 when not, 64 on wrong usage.",
        subcommands: [
            EchoCommand.self, PingCommand.self, ConnectCommand.self, BulkCommand.self, ShortCommand.self, HoldCommand.self,
            SendCommand.self, ReceiveCommand.self, HashServeCommand.self, SourceServeCommand.self, HTTPServeCommand.self, HTTPCommand.self,
        ])
}

/// `--connect` and what belongs to it.
struct TargetOptions: ParsableArguments {
    @Option(help: "Where to connect: address:port, [address]:port or name:port.")
    var connect: String
    @Option(help: "A source address; given several times, connections take them in turn.")
    var source: [String] = []
    @Option(help: "Seconds without an answer or any progress after which an operation has failed.")
    var timeout = 10.0

    func target() throws -> Target { try Target(connect, sources: source) }
    var timeoutNanoseconds: UInt64 { UInt64(max(0.001, min(timeout, 86_400)) * 1e9) }
    var timeoutMilliseconds: Int32 { Int32(timeoutNanoseconds / 1_000_000) }

    func validate() throws {
        guard timeout > 0 else { throw ValidationError("--timeout must be greater than 0.") }
    }
}

/// An address to listen on.
func listenAddress(_ text: String) throws -> SocketAddress {
    guard let address = SocketAddress(text) else { throw ValidationError("'\(text)' is not address:port.") }
    return address
}

struct EchoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "echo", abstract: "Echoes on every connection.")
    @Option(help: "Where to listen: address:port.")
    var listen: String
    @Option(help: "Threads; one for each core unless said otherwise.")
    var threads: Int?

    func run() throws {
        let address = try listenAddress(listen)
        FileLimit.raiseToHardLimit()
        let count = Threads.number(asked: threads, work: .max)
        // The first listens before anything else starts: an address in use is an error of the program.
        do throws(SystemError) { _ = try TCPSocket.listen(on: address, isDual: true) } catch { throw LoadFailure("\(error)") }
        Threads.run(count) { _ in
            do throws(SystemError) {
                var server = try EchoServer(on: address)
                server.serve()
            } catch {
                complain("\(error)")
                Foundation.exit(1)
            }
        }
    }
}

struct HashServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash-serve", abstract: "Reads each connection to its end and answers the SHA-256 of what came.")
    @Option(help: "Where to listen: address:port.")
    var listen: String
    @Option(help: "Seconds without progress after which a connection is given up.")
    var timeout = 60.0

    func run() throws {
        try IntegrityServer(role: .hash, timeoutMilliseconds: Int32(timeout * 1000)).serve(on: listenAddress(listen))
    }
}

struct SourceServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source-serve", abstract: "Sends pseudo-random bytes on each connection and closes it.")
    @Option(help: "Where to listen: address:port.")
    var listen: String
    @OptionGroup var stream: StreamOptions
    @Option(help: "Seconds without progress after which a connection is given up.")
    var timeout = 60.0

    func run() throws {
        try IntegrityServer(role: .source(count: stream.bytes, seed: stream.seed), timeoutMilliseconds: Int32(timeout * 1000))
            .serve(on: listenAddress(listen))
    }
}
