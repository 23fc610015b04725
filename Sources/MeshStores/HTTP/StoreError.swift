internal import MeshRegistry
internal import MeshTypes

/// What went wrong with one request to a store.
package enum StoreError: Error, Equatable {
    /// No connection, no answer in time, or one that broke off.
    case unreachable(String)
    /// An answer that says no. - Parameter code: the store's own, such as gRPC's of etcd; 0 if it has none.
    case refused(status: Int, code: Int, message: String)
    case malformed(String)
    /// More bytes than were expected of any honest answer.
    case tooLarge(limit: Int)
    /// More than a source may say (`RegistryBounds`).
    case tooMuch(String)
    /// A file that the configuration names cannot be used.
    case file(String)
    /// What would be gone on from is gone, or of another history: everything is read anew.
    case outdated(String)
    /// This node is not ready for it yet.
    case notReady(String)

    /// - Parameters:
    ///   - store: which one, such as `etcd at https://10.0.0.2:2379`.
    ///   - access: what to correct if it refuses.
    func failure(of store: String, access: String) -> SourceFailure {
        switch self {
        case .unreachable(let why):
            SourceFailure(
                .unreachable, "\(store) does not answer: \(why)", advice: "start it, or correct its address; the last records stay in force"
            )
        case .refused(let status, _, let message) where status >= 500:
            SourceFailure(
                .unreachable, "\(store) answers \(status): \(Self.printable(message))",
                advice: "see its log: it may have lost the other servers; the last records stay in force")
        case .refused(let status, _, let message):
            SourceFailure(.refused, "\(store) answers \(status): \(Self.printable(message))", advice: access)
        case .malformed(let what):
            SourceFailure(
                .malformed, "\(store) answers what cannot be read: \(Self.printable(what))",
                advice: "see whether something else listens there; the last records stay in force")
        case .tooLarge(let limit):
            SourceFailure(
                .overBound, "\(store) answers with more than \(limit) bytes", advice: "remove what is no record of this mesh from its keys")
        case .tooMuch(let what):
            SourceFailure(
                .overBound, "\(store) holds \(what)",
                advice: "remove what is no record of this mesh, or give the records a prefix of their own")
        case .outdated(let why):
            SourceFailure(.unreachable, "\(store) has to be read anew: \(why)", advice: "no action: that happens by itself")
        case .notReady(let why): SourceFailure(.refused, why, advice: "see `myelinctl certificates`")
        case .file(let what): SourceFailure(.refused, what, advice: "correct the file, or its name in node.yaml")
        }
    }

    /// What a stranger wrote, short and without what would steer a terminal.
    static func printable(_ text: String) -> String {
        String(text.unicodeScalars.prefix(200).map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? " " : Character($0) })
    }
}
