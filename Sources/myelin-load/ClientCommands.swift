import ArgumentParser
import Foundation

/// What `ping`, `connect` and `bulk` have in common.
struct TimedOptions: ParsableArguments {
    @OptionGroup var target: TargetOptions
    @Option(help: "Connections at a time.")
    var connections = 1
    @Option(help: "How long.")
    var seconds = 1.0
    @Option(help: "Threads; one for each core, but not more than connections, unless said otherwise.")
    var threads: Int?
    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard connections > 0 else { throw ValidationError("--connections must be greater than 0.") }
        guard seconds > 0, seconds <= 86_400 else { throw ValidationError("--seconds must be between 0 and 86400.") }
    }

    func run(_ kind: Workload.Kind, size: Int, unit: String) throws {
        let target = try target.target()
        let workload = Workload(
            kind: kind, target: target, messageBytes: size, connections: connections, extent: .nanoseconds(UInt64(seconds * 1e9)),
            timeoutNanoseconds: self.target.timeoutNanoseconds)
        try workload.run(threads: Threads.number(asked: threads, work: connections)).report(json: json, unit: unit, target: target)
    }
}

struct MessageOptions: ParsableArguments {
    @Option(help: "Bytes of a message.")
    var size = 128

    func validate() throws {
        guard size > 0, size <= 1 << 20 else { throw ValidationError("--size must be between 1 and 1048576.") }
    }
}

struct PingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping", abstract: "Messages there and back, again and again on connections that stay.")
    @OptionGroup var options: TimedOptions
    @OptionGroup var message: MessageOptions
    func run() throws { try options.run(.ping, size: message.size, unit: "messages") }
}

struct ConnectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "connect", abstract: "Connect, one message there and back, close.")
    @OptionGroup var options: TimedOptions
    @OptionGroup var message: MessageOptions
    func run() throws { try options.run(.connect, size: message.size, unit: "connections") }
}

struct BulkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulk", abstract: "Sends as fast as the other end takes; KiB that come back count.")
    @OptionGroup var options: TimedOptions
    func run() throws { try options.run(.bulk, size: 0, unit: "KiB") }
}

struct ShortCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "short", abstract: "A number of connections, each of which echoes one byte and closes. Every one must succeed.")
    @OptionGroup var target: TargetOptions
    @Option(help: "Connections altogether.")
    var count: Int
    @Option(help: "Connections at a time.")
    var concurrency = 16
    @Option(help: "Threads; one for each core, but not more than concurrency, unless said otherwise.")
    var threads: Int?
    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard count > 0, concurrency > 0 else { throw ValidationError("--count and --concurrency must be greater than 0.") }
    }

    func run() throws {
        let target = try target.target()
        let atOnce = min(concurrency, count)
        let workload = Workload(
            kind: .connect, target: target, messageBytes: 1, connections: atOnce, extent: .operations(count),
            timeoutNanoseconds: self.target.timeoutNanoseconds)
        let outcome = try workload.run(threads: Threads.number(asked: threads, work: atOnce))
        try outcome.report(json: json, unit: "connections", target: target)
        guard outcome.errors == 0 else { throw LoadFailure("\(outcome.errors) of \(count) connections to \(target.address) failed") }
    }
}

struct HoldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Opens connections, prints a line once all have echoed, and keeps them.")
    @OptionGroup var target: TargetOptions
    @Option(help: "How many.")
    var connections: Int
    @Option(help: "How long to keep them; for ever unless said.")
    var seconds: Double?
    @Flag(help: "Once all are open, have each echo its own number, and print a second line.")
    var echo = false

    func validate() throws {
        guard connections > 0 else { throw ValidationError("--connections must be greater than 0.") }
        if let seconds, seconds < 0 || seconds > 86_400 { throw ValidationError("--seconds must be between 0 and 86400.") }
    }

    func run() throws {
        let start = monotonicNanoseconds()
        var hold = try HoldRun(target.target(), connections: connections, timeoutNanoseconds: target.timeoutNanoseconds)
        try hold.openAll()
        printLine(String(format: "%d connections open in %.2f s", connections, Double(monotonicNanoseconds() - start) / 1e9))
        if echo {
            try hold.echoAll()
            printLine("\(connections) connections echoed their own number")
        }
        hold.keep(nanoseconds: seconds.map { UInt64($0 * 1e9) })
        if echo { try hold.echoAll() }
        if hold.lost > 0 { throw LoadFailure("\(hold.lost) of \(connections) held connections were closed by the other end") }
    }
}

/// A stream of pseudo-random bytes that both ends know.
struct StreamOptions: ParsableArguments {
    @Option(help: "How many bytes.")
    var bytes: Int
    @Option(help: "What they are made from; the same at both ends.")
    var seed: UInt64 = 1

    func validate() throws {
        guard bytes >= 0 else { throw ValidationError("--bytes must not be negative.") }
    }
}

struct SendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Sends pseudo-random bytes to a hash-serve and compares SHA-256.")
    @OptionGroup var target: TargetOptions
    @OptionGroup var stream: StreamOptions
    func run() throws {
        let transfer = IntegrityTransfer(
            target: try target.target(), count: stream.bytes, seed: stream.seed, timeoutMilliseconds: target.timeoutMilliseconds)
        printLine("\(stream.bytes) bytes arrived, SHA-256 \(try transfer.send())")
    }
}

struct ReceiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receive", abstract: "Receives the bytes of a source-serve and compares SHA-256 with that of the seed.")
    @OptionGroup var target: TargetOptions
    @OptionGroup var stream: StreamOptions
    func run() throws {
        let transfer = IntegrityTransfer(
            target: try target.target(), count: stream.bytes, seed: stream.seed, timeoutMilliseconds: target.timeoutMilliseconds)
        printLine("\(stream.bytes) bytes came, SHA-256 \(try transfer.receive())")
    }
}
