internal import ArgumentParser
internal import Foundation
internal import Logging
internal import MeshConfig
internal import MeshControl
internal import MeshSystem

/// `myelind run`, or `myelind` alone: one per node.
struct DaemonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "The daemon of a node: captures the traffic of its workloads and carries it in mutual TLS.",
        discussion: """
            SIGTERM lets flows end and stops; SIGHUP reads the files again and opens the logs again.
            When the daemon is gone, however it went, new connections of captured workloads wait in the sockets that systemd keeps for
            the next one; without systemd they are refused until one is back.
            Exit status: 0 after a stop, 1 when it could not start, 64 on wrong usage, 78 when the configuration is wrong.
            """)

    static let configurationError: Int32 = 78

    @Option(help: ArgumentHelp("The node's configuration.", valueName: "file"))
    var config = "/etc/myelin/node.yaml"

    @Flag(help: "Read the configuration, the policies and the registry, say what is wrong with them, and end.")
    var checkConfig = false

    @Flag(help: "Detach everything from the kernel and end: traffic is no longer captured.")
    var uninstall = false

    @Flag(help: "Close what `capture.closed` and the registry name, and end: run at a boot, before anything has a network.")
    var close = false

    func run() async throws {
        let configuration: NodeConfiguration
        do throws(DocumentErrors) {
            configuration = try NodeConfiguration.load(file: config)
        } catch {
            Self.complain("\(error)")
            throw ExitCode(Self.configurationError)
        }
        if checkConfig { return try check(configuration) }
        if uninstall {
            Uninstall.run(configuration)
            return
        }
        if close { return try close(configuration) }
        try await serve(configuration)
    }

    private func close(_ configuration: NodeConfiguration) throws {
        do throws(StartFailure) { print(try Closing.run(configuration)) } catch {
            Self.complain("\(error.what); \(error.advice)")
            throw ExitCode.failure
        }
    }

    private func check(_ configuration: NodeConfiguration) throws {
        let errors = NodeDocuments.check(configuration)
        for error in errors { Self.complain("\(error)") }
        if !errors.isEmpty { throw ExitCode(Self.configurationError) }
        print("\(config): no errors in it, in \(configuration.policy) and in \(configuration.registry.describedSources)")
    }

    private func serve(_ configuration: NodeConfiguration) async throws {
        let supervisor = Supervisor.fromEnvironment()
        let inherited = InheritedSockets.fromEnvironment()
        let level = Logger.Level(rawValue: configuration.log.level.rawValue) ?? .info
        LoggingSystem.bootstrap { JSONLogHandler(label: $0, level: level) }
        let log = Logger(label: "myelind")
        do throws(StartFailure) {
            let signals = try Signals()
            let daemon = try await Daemon(configuration, supervisor: supervisor, inherited: inherited, log: log)
            await daemon.run(signals)
        } catch {
            log.critical("cannot start", metadata: ["code": "\(error.code)", "error": "\(error.what)", "advice": "\(error.advice)"])
            throw ExitCode.failure
        }
    }

    static func complain(_ text: String) { FileHandle.standardError.write(Data("myelind: \(text)\n".utf8)) }
}
