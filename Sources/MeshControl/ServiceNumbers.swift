internal import Foundation
package import MeshTypes
internal import Synchronization

/// Gives every service a number that the kernel maps, workers and flows use; a number stays with its service as long as the kernel's tables.
///
/// Numbers start at 1 and are dense. A service that leaves the registry keeps its number, so that flows which outlive it are
/// still named rightly. With a file the numbers outlive the daemon: what the kernel decides by the tables of a daemon before this one, and
/// the connections that wait since then, mean the same services.
package final class ServiceNumbers: Sendable {
    /// More services than this are refused: it bounds the tables indexed by number.
    package static let maximum = 100_000
    /// Bytes of the file: two labels of 63 and three more for each.
    private static let longestFile = maximum * 130

    private struct State {
        var numbers: [ServiceIdentity: ServiceID] = [:]
        var identities: [ServiceIdentity] = []
        var file: FileHandle?
    }

    private let state = Mutex(State())
    private let path: String?

    /// - Parameter file: one line for each number, `namespace/name`; nil to keep none.
    package init(file: String? = nil) { path = file }

    /// Reads what a daemon before this one gave out.
    /// - Returns: false when there is nothing, or it cannot be used: the kernel's tables mean nothing then.
    package func restore() -> Bool {
        guard let path, let data = FileManager.default.contents(atPath: path), data.count <= Self.longestFile,
            data.last == UInt8(ascii: "\n")
        else { return false }
        var identities: [ServiceIdentity] = []
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "/")
            guard parts.count == 2, let name = ServiceName(parts[1]), identities.count < Self.maximum else { return false }
            identities.append(ServiceIdentity(namespace: String(parts[0]), name: name))
        }
        guard Set(identities).count == identities.count else { return false }
        return state.withLock { state in
            guard let file = FileHandle(forWritingAtPath: path), (try? file.seekToEnd()) != nil else { return false }
            state.file = file
            state.identities = identities
            for (index, identity) in identities.enumerated() { state.numbers[identity] = ServiceID(rawValue: UInt32(index + 1)) }
            return true
        }
    }

    /// Begins with none, in a new file.
    package func startAnew() {
        guard let path else { return }
        state.withLock { state in
            state = State()
            state.file = FileManager.default.createFile(atPath: path, contents: nil) ? FileHandle(forWritingAtPath: path) : nil
        }
    }

    /// - Returns: nil when `maximum` services have been seen.
    package func number(of service: ServiceIdentity) -> ServiceID? {
        state.withLock { state in
            if let known = state.numbers[service] { return known }
            guard state.identities.count < Self.maximum else { return nil }
            note(service, &state)
            state.identities.append(service)
            let id = ServiceID(rawValue: UInt32(state.identities.count))
            state.numbers[service] = id
            return id
        }
    }

    /// Before the number is used. A file that lacks one is removed: half of the numbers are worse than none.
    private func note(_ service: ServiceIdentity, _ state: inout State) {
        guard let path, let file = state.file else { return }
        do { try file.write(contentsOf: Data("\(service)\n".utf8)) } catch {
            state.file = nil
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    package func identity(of id: ServiceID) -> ServiceIdentity? {
        state.withLock { state in
            let index = Int(id.rawValue) - 1
            return state.identities.indices.contains(index) ? state.identities[index] : nil
        }
    }
}
