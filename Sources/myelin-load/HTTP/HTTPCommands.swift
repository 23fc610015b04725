import ArgumentParser
import Foundation

struct HTTPServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "http-serve", abstract: "Answers HTTP/1.1 with JSON that says who answers and whom it saw; counts what it was asked.",
        discussion: """
            /stats returns the counts; /control?delay=20ms&fail=10%&status=503&ready=false changes how it answers; /health/ready and \
            /health/live are for probes. These are answered at once and not counted. A request counts as soon as its head has come.
            """)
    @Option(help: "Where to listen: address:port.")
    var listen: String
    @Option(help: "The instance's name.")
    var name: String
    @Option(help: "The service's name; the instance's without its number unless said otherwise.")
    var service: String?
    @Option(help: "The version that it says it is.")
    var version = "v1.0.0"
    @Option(help: "A text that every answer carries.")
    var marker: String?
    @Option(help: "How long an answer takes: 5ms.")
    var delay = TimeSpan(nanoseconds: 0)
    @Option(help: "The share of requests that is answered with --status: 10%.")
    var failShare = Share(0)
    @Option(help: "The status of those that fail.")
    var status = 500
    @Option(help: "A file that gets a line for each request as it comes (method, path, x-payment-id), also of one that is killed then.")
    var countFile: String?

    func validate() throws {
        guard (200...599).contains(status) else { throw ValidationError("--status must be between 200 and 599.") }
    }

    func run() throws {
        FileLimit.raiseToHardLimit()
        let suffix = name.lastIndex(of: "-").map { name[..<$0] } ?? name[...]
        let identity = ServerIdentity(service: service ?? String(suffix), name: name, version: version, marker: marker)
        let behaviour = ServerBehaviour(delay: delay, failShare: failShare, status: status)
        var server = try HTTPServer(identity, behaviour, countFile: countFile, on: listenAddress(listen))
        server.serve()
    }
}

struct HTTPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "http", abstract: "Sends HTTP/1.1 requests at a fixed rate and counts what came back.",
        discussion: """
            An open loop: the rate does not depend on the answers, and a latency counts from when the request ought to have been sent. A \
            request that broke after it was sent has failed; it is never sent again. Exit status 0 when all were answered with 2xx.
            """)
    @OptionGroup var target: TargetOptions
    @Option(help: "The path, with a query if you like.")
    var path = "/"
    @Option(help: "The method.")
    var method = "GET"
    @Option(help: "Requests per second.")
    var rate = 100.0
    @Option(help: "How long to begin requests.")
    var seconds = 1.0
    @Option(help: "How many requests, instead of --seconds.")
    var count: Int?
    @Option(help: "Connections, which are kept alive: so many requests may be under way.")
    var connections = 32
    @Option(help: "The size of each request's body: 100, 1KiB, 1MiB.")
    var body = ByteCount(0)
    @Option(help: "A field of every request, name:value; may be given several times.")
    var header: [String] = []
    @Flag(help: "Give each request an x-payment-id of its own.")
    var uniqueId = false
    @Option(name: [.customShort("o"), .long], help: "text or json.")
    var output = OutputForm.text

    func validate() throws {
        guard rate > 0, rate <= 1_000_000 else { throw ValidationError("--rate must be between 0 and 1000000.") }
        guard seconds > 0, seconds <= 86_400 else { throw ValidationError("--seconds must be between 0 and 86400.") }
        guard count.map({ $0 > 0 }) ?? true else { throw ValidationError("--count must be greater than 0.") }
        guard connections > 0 else { throw ValidationError("--connections must be greater than 0.") }
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
            throw ValidationError("--path must begin with / and have neither spaces nor other than ASCII characters.")
        }
        for field in header where !field.dropFirst().contains(":") || field.contains(where: \.isNewline) {
            throw ValidationError("--header '\(field)' is not name:value.")
        }
    }

    func run() throws {
        let fields = header.map { field in
            let colon = field.firstIndex(of: ":")!
            return (name: String(field[..<colon]), value: field[field.index(after: colon)...].trimmingCharacters(in: .whitespaces))
        }
        let plan = RequestPlan(
            target: try target.target(), host: target.connect, method: method, path: path, fields: fields,
            body: [UInt8](repeating: UInt8(ascii: "x"), count: body.bytes), idPrefix: uniqueId ? UUID().uuidString.lowercased() : nil,
            total: count ?? max(1, Int(rate * seconds)), interval: 1e9 / rate, connections: connections,
            timeoutNanoseconds: target.timeoutNanoseconds)
        var run = try HTTPRun(plan)
        try HTTPReport(run.run()).conclude(output)
    }
}
