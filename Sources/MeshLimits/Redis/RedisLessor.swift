package import MeshResilience
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// Carries orders of tokens to Redis and its answers back: one connection, on a thread of its own. While there is none, the desk is told that
/// nobody can be asked, and another is tried, ever more rarely.
///
/// Its state belongs to its event loop.
package final class RedisLessor: @unchecked Sendable {
    /// Nanoseconds between two tries: a random time of at least half of what it is by now.
    private static let firstPause: UInt64 = 100_000_000
    private static let longestPause: UInt64 = 5_000_000_000
    private static let connectTime = TimeAmount.seconds(1)

    private let options: RedisOptions
    private let desk: any LeaseDesk
    private let report: @Sendable (LessorStatus) -> Void
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private var dialogue: RedisDialogue
    private var reader = RESPReader()
    private var channel: (any Channel)?
    /// Which connection, or try, what happens belongs to.
    private var epoch = 0
    private var failures = 0
    /// The earliest moment at which answers that did not come are looked for.
    private var watchedFrom = UInt64.max
    private var isStopped = false
    private let published = Mutex((status: LessorStatus.connecting, roundTrips: 0))

    /// - Parameter report: told when Redis comes or goes, on the lessor's thread.
    package init(_ options: RedisOptions, desk: any LeaseDesk, report: @escaping @Sendable (LessorStatus) -> Void) {
        self.options = options
        self.desk = desk
        self.report = report
        loop = group.next()
        dialogue = Self.newDialogue(options)
    }

    package var status: LessorStatus { published.withLock { $0.status } }
    /// Answers that came since the start.
    package var roundTrips: Int { published.withLock { $0.roundTrips } }

    package func start() {
        desk.whenOrdered { [weak self] in
            guard let self else { return }
            loop.execute { self.pump() }
        }
        loop.execute { self.connect() }
    }

    package func stop() {
        loop.execute {
            self.isStopped = true
            self.lose("the daemon stops")
        }
        group.shutdownGracefully { _ in }
    }

    private static func newDialogue(_ options: RedisOptions) -> RedisDialogue {
        RedisDialogue(prefix: options.prefix, timeout: UInt64(options.timeout / .nanoseconds(1)))
    }

    private var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    // MARK: Coming and going

    private func connect() {
        guard !isStopped else { return }
        let epoch = epoch
        let secrets: RedisSecrets
        do throws(RedisSecrets.Failure) { secrets = try RedisSecrets(options) } catch { return lose(error.text) }
        let (tls, host) = (secrets.tls, options.host)
        ClientBootstrap(group: loop)
            .connectTimeout(Self.connectTime)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        // An address is no name that SNI could carry.
                        let name = (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil
                        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(RedisEar(lessor: self, epoch: epoch))
                }
            }
            .connect(host: host, port: options.port)
            .whenComplete { result in
                switch result {
                case .success(let channel): self.connected(channel, epoch, password: secrets.password)
                case .failure(let error): self.lost(epoch, "no connection: \(error)")
                }
            }
    }

    private func connected(_ channel: any Channel, _ epoch: Int, password: String?) {
        guard epoch == self.epoch else { return channel.close(promise: nil) }
        self.channel = channel
        reader = RESPReader()
        dialogue = Self.newDialogue(options)
        for command in dialogue.greet(username: options.username, password: password, database: options.database, now: now) {
            send(command)
        }
        watch()
    }

    /// The connection, or the try for one, has come to an end.
    func lost(_ epoch: Int, _ reason: String) {
        if epoch == self.epoch { lose(reason) }
    }

    private func lose(_ reason: String) {
        epoch += 1
        channel?.close(promise: nil)
        channel = nil
        dialogue = Self.newDialogue(options)
        desk.setAvailable(false)
        enter(.away(reason: reason))
        let longest = min(Self.longestPause, Self.firstPause << UInt64(min(failures, 10)))
        failures += 1
        guard !isStopped else { return }
        loop.scheduleTask(in: .nanoseconds(Int64(UInt64.random(in: longest / 2...longest)))) { self.connect() }
    }

    private func enter(_ status: LessorStatus) {
        let isNew = published.withLock { published in
            defer { published.status = status }
            return published.status != status
        }
        if isNew { report(status) }
    }

    // MARK: Orders and answers

    /// Sends what is ordered, as far as there is room.
    private func pump() {
        while channel != nil, dialogue.hasRoom {
            let orders = desk.takeOrders(LeaseScript.maximumOrders)
            guard !orders.isEmpty else { return }
            send(dialogue.order(orders, now: now))
            watch()
        }
    }

    private func send(_ command: RESPCommand) {
        channel?.writeAndFlush(ByteBuffer(bytes: command.bytes), promise: nil)
    }

    func heard(_ epoch: Int, _ bytes: ByteBuffer) {
        guard epoch == self.epoch else { return }
        reader.append(bytes.readableBytesView)
        do throws(RESPReader.Failure) {
            while epoch == self.epoch, let reply = try reader.next() { take(dialogue.receive(reply)) }
        } catch { lose("it does not speak as Redis does: its reply is \(error == .tooLarge ? "too large" : "malformed")") }
        pump()
    }

    private func take(_ event: RedisDialogue.Event) {
        switch event {
        case .nothing: break
        case .ready:
            desk.setAvailable(true)
            enter(.available)
        case .answers(let answers):
            failures = 0
            published.withLock { $0.roundTrips += 1 }
            desk.settle(answers)
        case .send(let command): send(command)
        case .failed(let reason): lose(reason)
        }
    }

    /// Sees to it that an answer that does not come is noticed: a timer for the first that is due.
    private func watch() {
        guard let deadline = dialogue.deadline, deadline < watchedFrom else { return }
        watchedFrom = deadline
        loop.scheduleTask(deadline: .uptimeNanoseconds(deadline)) {
            if self.watchedFrom == deadline { self.watchedFrom = .max }
            if let due = self.dialogue.deadline, due <= self.now { self.lose("no answer in time") }
            self.watch()
        }
    }
}

/// The connection's end of the pipeline.
private final class RedisEar: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let lessor: RedisLessor
    private let epoch: Int

    init(lessor: RedisLessor, epoch: Int) {
        self.lessor = lessor
        self.epoch = epoch
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { lessor.heard(epoch, Self.unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) { lessor.lost(epoch, "it closed the connection") }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        lessor.lost(epoch, "the connection broke: \(error)")
        context.close(promise: nil)
    }
}
