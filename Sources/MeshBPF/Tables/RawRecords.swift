internal import CMyelinABI

/// Keys and values that user space counts and deletes, but never interprets: compared by their bytes.
protocol RawRecord: KernelLayout {}

extension RawRecord {
    static func == (left: Self, right: Self) -> Bool {
        withUnsafeBytes(of: left.raw) { left in withUnsafeBytes(of: right.raw) { left.elementsEqual($0) } }
    }

    func hash(into hasher: inout Hasher) { withUnsafeBytes(of: raw) { hasher.combine(bytes: $0) } }
}

struct RawFlowKey: RawRecord {
    let raw: myelin_flow_key
    init(raw: myelin_flow_key) { self.raw = raw }
}

struct RawFlow: RawRecord {
    let raw: myelin_flow
    init(raw: myelin_flow) { self.raw = raw }
}

struct RawPending: RawRecord {
    let raw: myelin_pending
    init(raw: myelin_pending) { self.raw = raw }
}

/// What a workload takes of `pending` and `flows`.
struct UsageRecord: RawRecord {
    let raw: myelin_usage
    init(raw: myelin_usage) { self.raw = raw }
}

extension KernelMap {
    /// Deletes all entries.
    func clear() {
        for key in keys() { _ = try? remove(key) }
    }
}
