import MeshLimits
import MeshResilience
import Testing

/// What is said to Redis, and what is made of its answers, without a socket.
@Suite struct RedisDialogueTests {
    private let timeout: UInt64 = 200_000_000
    private let order = LeaseOrder(number: 7, name: "default/embassy", requests: 500, period: 60_000_000_000, burst: 500, tokens: 4)
    private let probed = RESPValue.array([.integer(0), .integer(0)])

    private func ready() -> RedisDialogue {
        var dialogue = RedisDialogue(prefix: "myelin:t:rl:", timeout: timeout)
        _ = dialogue.greet(username: nil, password: nil, database: 0, now: 0)
        #expect(dialogue.receive(probed) == .ready)
        return dialogue
    }

    @Test func theGreetingLogsInChoosesAndTries() {
        var dialogue = RedisDialogue(prefix: "myelin:t:rl:", timeout: timeout)
        let commands = dialogue.greet(username: "me", password: "secret", database: 3, now: 5)
        #expect(commands.map(\.words.first) == ["AUTH", "SELECT", "EVAL"])
        #expect(commands[0].words == ["AUTH", "me", "secret"] && commands[1].words == ["SELECT", "3"])
        #expect(commands[2].words[3] == "myelin:t:rl:probe")
        #expect(dialogue.deadline == 5 + RedisDialogue.greetingTime)
        #expect(!dialogue.hasRoom)
        #expect(dialogue.receive(.status("OK")) == .nothing)
        #expect(dialogue.receive(.status("OK")) == .nothing)
        #expect(dialogue.receive(probed) == .ready)
        #expect(dialogue.hasRoom && dialogue.deadline == nil)
    }

    @Test func oneCommandAsksForManyLimits() {
        var dialogue = ready()
        let other = LeaseOrder(number: 8, name: "default/router", requests: 20, period: 1_000_000_000, burst: 5, tokens: 1)
        let command = dialogue.order([order, other], now: 10)
        #expect(
            command.words == [
                "EVALSHA", LeaseScript.digest, "2", "myelin:t:rl:default/embassy", "myelin:t:rl:default/router", "500", "60000000", "500",
                "4",
                "20", "1000000", "5", "1",
            ])
        #expect(dialogue.deadline == 10 + timeout)
        #expect(
            dialogue.receive(.array([.integer(4), .integer(0), .integer(0), .integer(1500)]))
                == .answers([LeaseAnswer(number: 7, tokens: 4, wait: 0), LeaseAnswer(number: 8, tokens: 0, wait: 1_500_000)]))
    }

    @Test func aForgottenScriptIsSentWhole() {
        var dialogue = ready()
        _ = dialogue.order([order], now: 10)
        guard case .send(let command) = dialogue.receive(.failure("NOSCRIPT No matching script.")) else {
            Issue.record("the script is not sent")
            return
        }
        #expect(command.words.prefix(2) == ["EVAL", LeaseScript.source])
        // Its time goes on.
        #expect(dialogue.deadline == 10 + timeout)
        #expect(dialogue.receive(.array([.integer(4), .integer(0)])) == .answers([LeaseAnswer(number: 7, tokens: 4, wait: 0)]))
        // It is not sent a third time.
        _ = dialogue.order([order], now: 20)
        _ = dialogue.receive(.failure("NOSCRIPT"))
        #expect(dialogue.receive(.failure("NOSCRIPT")) == .failed("it refuses the script: NOSCRIPT"))
    }

    @Test func noMoreIsUnderWayThanTheBound() {
        var dialogue = ready()
        for _ in 0..<RedisDialogue.maximumUnderWay {
            #expect(dialogue.hasRoom)
            _ = dialogue.order([order], now: 0)
        }
        #expect(!dialogue.hasRoom)
    }

    @Test(arguments: [
        RESPValue.status("OK"), .integer(4), .array(nil), .array([]), .array([.integer(4)]), .array([.integer(5), .integer(0)]),
        .array([.integer(-1), .integer(0)]), .array([.integer(0), .integer(-1)]), .array([.integer(0), .integer(.max)]),
        .array([.bulk([52]), .integer(0)]), .failure("READONLY You can't write against a read only replica."),
    ])
    func whatIsNoAnswerEndsTheConnection(reply: RESPValue) {
        var dialogue = ready()
        _ = dialogue.order([order], now: 0)
        guard case .failed = dialogue.receive(reply) else {
            Issue.record("\(reply) was taken")
            return
        }
    }

    @Test func whoSpeaksUnaskedIsNotListenedTo() {
        var dialogue = ready()
        guard case .failed = dialogue.receive(probed) else {
            Issue.record("it was listened to")
            return
        }
    }

    @Test func aRefusalIsTold() {
        var dialogue = RedisDialogue(prefix: "p", timeout: timeout)
        _ = dialogue.greet(username: nil, password: "wrong", database: 0, now: 0)
        #expect(dialogue.receive(.failure("WRONGPASS invalid")) == .failed("it refuses the login: WRONGPASS invalid"))
    }
}
