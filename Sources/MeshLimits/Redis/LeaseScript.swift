internal import Crypto
package import MeshResilience

/// What runs in Redis: token buckets, one for each key, by Redis' own clock. One call takes tokens of many limits.
///
/// A bucket holds at most the limit's burst and fills with the limit's rate; one that does not exist is full, so that a key may expire as soon
/// as its bucket would be. When the clock is put back a bucket does not fill until its next use; it never holds more than its burst.
package enum LeaseScript {
    package static let source = """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local answer = {}
        for i, key in ipairs(KEYS) do
          local requests, period = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
          local burst, wanted = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
          local rate = requests / period
          local bucket = redis.call('HMGET', key, 'tokens', 'at')
          local tokens, at = tonumber(bucket[1] or ''), tonumber(bucket[2] or '')
          if not tokens or not at then
            tokens, at = burst, now
          end
          tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
          local granted = math.min(wanted, math.floor(tokens))
          tokens = tokens - granted
          local wait = 0
          if tokens < 1 then
            wait = math.ceil((1 - tokens) / rate)
          end
          redis.call('HSET', key, 'tokens', string.format('%.17g', tokens), 'at', string.format('%.0f', now))
          redis.call('PEXPIRE', key, math.ceil((burst - tokens) / rate / 1000) + 1000)
          answer[2 * i - 1] = granted
          answer[2 * i] = wait
        end
        return answer
        """

    /// The name that Redis gives it.
    package static let digest = Insecure.SHA1.hash(data: Array(source.utf8)).map { byte in
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()

    /// Limits in one call: it bounds the time that Redis is busy with it.
    package static let maximumOrders = 64
    /// Nanoseconds; no limit's period is longer.
    private static let longestWait: Int64 = 2 * 3600 * 1_000_000_000

    /// - Parameters:
    ///   - prefix: of all keys.
    ///   - isWhole: the script's text is sent instead of its name.
    package static func command(_ orders: [LeaseOrder], prefix: String, isWhole: Bool) -> RESPCommand {
        var words = isWhole ? ["EVAL", source] : ["EVALSHA", digest]
        words.append("\(orders.count)")
        words += orders.map { prefix + $0.name }
        for order in orders { words += ["\(order.requests)", "\(order.period / 1000)", "\(order.burst)", "\(order.tokens)"] }
        return RESPCommand(words)
    }

    /// - Returns: nil for a reply that no such script gives.
    package static func answers(_ reply: RESPValue, to orders: [LeaseOrder]) -> [LeaseAnswer]? {
        guard case .array(let values?) = reply, values.count == 2 * orders.count else { return nil }
        var answers: [LeaseAnswer] = []
        for (index, order) in orders.enumerated() {
            guard case .integer(let tokens) = values[2 * index], case .integer(let wait) = values[2 * index + 1],
                (0...Int64(order.tokens)).contains(tokens), (0...longestWait / 1000).contains(wait)
            else { return nil }
            answers.append(LeaseAnswer(number: order.number, tokens: Int(tokens), wait: UInt64(wait) * 1000))
        }
        return answers
    }
}
