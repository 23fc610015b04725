import Glibc
import MeshSystem

/// What a server was asked, counted as soon as a request's head has come: whether the rest follows or not, it was delivered.
struct RequestCounts {
    /// Methods, and so their counts, are the callers' choice.
    private static let maximumMethods = 32
    private static let maximumIDs = 1_000_000
    /// Identifiers that came twice and are named.
    private static let maximumNamed = 100

    private(set) var requests = 0
    private(set) var methods: [String: Int] = [:]
    private var ids: Set<String> = []
    private(set) var duplicates = 0
    private(set) var duplicateIDs: [String] = []
    /// Those that were not remembered for want of room.
    private(set) var unrememberedIDs = 0
    private(set) var failed = 0
    private(set) var underWay = 0
    /// So many were being answered at one moment.
    private(set) var mostAtOnce = 0
    /// Copies of callers' requests, as a mesh marks them.
    private(set) var shadows = 0
    /// Takes a line for each request; what is written there outlives a process that is killed.
    private let file: FileRecord?

    var idCount: Int { ids.count }

    init(file path: String?) throws(LoadFailure) { file = try path.map { path throws(LoadFailure) in try FileRecord(path) } }

    mutating func arrived(_ method: String, _ path: String, id: String?, isShadow: Bool) {
        file?.append("\(method) \(path) \(id ?? "-")\n")
        requests += 1
        if isShadow { shadows += 1 }
        underWay += 1
        mostAtOnce = max(mostAtOnce, underWay)
        let name = methods[method] != nil || methods.count < Self.maximumMethods ? method : "other"
        methods[name, default: 0] += 1
        guard let id else { return }
        if ids.contains(id) {
            duplicates += 1
            if duplicateIDs.count < Self.maximumNamed { duplicateIDs.append(id) }
        } else if ids.count < Self.maximumIDs {
            ids.insert(id)
        } else {
            unrememberedIDs += 1
        }
    }

    /// It was answered, or its connection is gone.
    mutating func ended() { underWay -= 1 }

    mutating func failedOnPurpose() { failed += 1 }
}

/// A file that is only ever appended to.
final class FileRecord: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws(LoadFailure) {
        descriptor = try required { () throws(SystemError) in
            try FileDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
        }.release()
    }

    deinit { close(descriptor) }

    func append(_ line: String) {
        var line = line
        let written = line.withUTF8 { write(descriptor, $0.baseAddress, $0.count) }
        if written < 0 { complain("the count file cannot be written: \(String(cString: strerror(errno)))") }
    }
}
