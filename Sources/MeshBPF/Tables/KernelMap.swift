internal import CBPF
internal import CMyelinABI
internal import Glibc
internal import Synchronization

/// A hash map of the kernel with typed keys and values.
struct KernelMap<Key: KernelLayout, Value: KernelLayout>: Sendable {
    let name: String
    let descriptor: Int32
    /// More keys than any map holds.
    private var maximumWalk: Int { 2 * Int(MYELIN_MAX_DESTINATIONS) }

    func set(_ key: Key, _ value: Value) throws(KernelError) {
        let result = withUnsafePointer(to: key.raw) { key in
            withUnsafePointer(to: value.raw) { value in
                bpf_map_update_elem(descriptor, UnsafeRawPointer(key), UnsafeRawPointer(value), 0)
            }
        }
        if result != 0 { throw KernelError("write map \(name)", code: -result) }
    }

    /// Returns false when there was no such key.
    @discardableResult
    func remove(_ key: Key) throws(KernelError) -> Bool {
        let result = withUnsafePointer(to: key.raw) { bpf_map_delete_elem(descriptor, UnsafeRawPointer($0)) }
        if result == -ENOENT { return false }
        if result != 0 { throw KernelError("delete from map \(name)", code: -result) }
        return true
    }

    func value(_ key: Key) -> Value? {
        withUnsafeTemporaryAllocation(of: Value.Raw.self, capacity: 1) { slot in
            let target = UnsafeMutableRawPointer(slot.baseAddress!)
            let result = withUnsafePointer(to: key.raw) { bpf_map_lookup_elem(descriptor, UnsafeRawPointer($0), target) }
            return result == 0 ? Value(raw: slot[0]) : nil
        }
    }

    /// All keys; entries that the kernel adds or removes meanwhile may be missed or seen twice. When the entry that the walk stands on
    /// goes, the kernel starts again from the beginning: the bound ends such a walk.
    func keys() -> [Key] {
        withUnsafeTemporaryAllocation(of: Key.Raw.self, capacity: 2) { slots in
            let current = slots.baseAddress!
            let next = current + 1
            var found: [Key] = []
            var result = bpf_map_get_next_key(descriptor, nil, UnsafeMutableRawPointer(next))
            while result == 0, found.count < maximumWalk {
                current.pointee = next.pointee
                found.append(Key(raw: current.pointee))
                result = bpf_map_get_next_key(descriptor, UnsafeRawPointer(current), UnsafeMutableRawPointer(next))
            }
            return found
        }
    }

    func entries() -> [Key: Value] {
        var found: [Key: Value] = [:]
        for key in keys() {
            if let value = value(key) { found[key] = value }
        }
        return found
    }
}

/// A map that only the daemon writes: it remembers what it wrote, so that a reconciliation costs one system call per difference.
final class ReconciledMap<Key: KernelLayout, Value: KernelLayout>: Sendable {
    private let map: KernelMap<Key, Value>
    private let written: Mutex<[Key: Value]>

    /// - Parameter map: may hold entries of a daemon before this one.
    init(_ map: KernelMap<Key, Value>) {
        self.map = map
        written = Mutex(map.entries())
    }

    var count: Int { written.withLock { $0.count } }
    var entries: [Key: Value] { written.withLock { $0 } }

    /// What was written under a key.
    func entry(_ key: Key) -> Value? { written.withLock { $0[key] } }

    /// What the map has under a key, whoever wrote it.
    func value(_ key: Key) -> Value? { map.value(key) }

    /// Takes what the kernel wrote under a key for written.
    func adopt(_ key: Key) {
        written.withLock { $0[key] = map.value(key) }
    }

    func set(_ key: Key, _ value: Value) throws(KernelError) {
        try written.withLock { (known) throws(KernelError) in
            if known[key] == value { return }
            try map.set(key, value)
            known[key] = value
        }
    }

    func remove(_ key: Key) throws(KernelError) {
        try written.withLock { (known) throws(KernelError) in
            try map.remove(key)
            known[key] = nil
        }
    }

    /// Makes the map equal to `wanted`: first what goes (to make room), then what is new or changed, in place.
    func reconcile(_ wanted: [Key: Value]) throws(KernelError) {
        try written.withLock { (known) throws(KernelError) in
            for key in Array(known.keys) where wanted[key] == nil {
                try map.remove(key)
                known[key] = nil
            }
            for (key, value) in wanted where known[key] != value {
                try map.set(key, value)
                known[key] = value
            }
        }
    }
}
