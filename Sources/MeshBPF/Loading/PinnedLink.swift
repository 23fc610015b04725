internal import CBPF
internal import Glibc
internal import MeshSystem

/// A pinned attachment of a program. Taking over swaps the program inside it, so that no packet sees a moment without one.
enum PinnedLink {
    /// What a link is attached to.
    enum Target {
        /// A cgroup directory's descriptor, its id, and the hook.
        case cgroup(descriptor: Int32, id: UInt64, type: bpf_attach_type)
        /// A network namespace's descriptor and inode, for sk_lookup.
        case namespace(descriptor: Int32, inode: UInt64)

        var id: UInt64 {
            switch self {
            case .cgroup(_, let id, _): id
            case .namespace(_, let inode): inode
            }
        }
    }

    /// Makes `program` run at `target`. Returns true when an existing pin was taken over.
    static func install(program: Int32, at target: Target, pin: String) throws(KernelError) -> Bool {
        if let existing = open(pin) {
            if cbpf_link_target(existing.raw) == Int64(target.id) {
                try loading("swap the program of \(pin)") { bpf_link_update(existing.raw, program, nil) }
                return true
            }
            // Its cgroup or namespace is gone, or the configuration names another one.
            unlink(pin)
        }
        let link = FileDescriptor(owning: try attach(program, to: target, for: pin))
        try loading("pin \(pin)") { bpf_obj_pin(link.raw, pin) }
        return false
    }

    /// The inode of the namespace or the id of the cgroup that a pin is attached to; 0 when that is gone, nil when there is no pin.
    static func target(ofPin pin: String) -> UInt64? {
        guard let link = open(pin) else { return nil }
        let target = cbpf_link_target(link.raw)
        return target < 0 ? nil : UInt64(target)
    }

    private static func open(_ pin: String) -> FileDescriptor? {
        let descriptor = bpf_obj_get(pin)
        return descriptor < 0 ? nil : FileDescriptor(owning: descriptor)
    }

    private static func attach(_ program: Int32, to target: Target, for pin: String) throws(KernelError) -> Int32 {
        switch target {
        case .cgroup(let descriptor, _, let type):
            try loading("attach \(pin)") { cbpf_link_cgroup(program, descriptor, type) }
        case .namespace(let descriptor, _):
            try loading("attach \(pin)") { cbpf_link_namespace(program, descriptor) }
        }
    }
}
