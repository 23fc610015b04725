internal import Glibc
internal import MeshSystem
internal import MeshTypes

/// In which network namespace a workload is captured. What its own processes can choose does not decide.
enum WorkloadNamespace {
    /// - Parameter directory: of its cgroup.
    static func open(of workload: Workload, _ directory: String) throws(EnrolmentFailure) -> NetworkNamespace {
        if let path = workload.networkNamespace { return try at(path) }
        if workload.sharesNodeNamespace { return try at("/proc/thread-self/ns/net") }
        return try ofFirstProcess(directory)
    }

    /// Its record says nothing, so that its first process shows where it is. A namespace that the workload made for itself is refused: it
    /// would be captured there and go out elsewhere, or take addresses of others in it.
    private static func ofFirstProcess(_ directory: String) throws(EnrolmentFailure) -> NetworkNamespace {
        let process = try firstProcess(directory)
        let namespace = try at("/proc/\(process)/ns/net")
        let isNodes: Bool
        do throws(SystemError) { isNodes = try NamespaceOrigin.isNodes(namespace) } catch { throw EnrolmentFailure(error) }
        guard isNodes else {
            throw EnrolmentFailure(
                "its process \(process) is in a network namespace that belongs to a user namespace of its own, so it may have made it itself: "
                    + "name the right one by `netns:` in its record")
        }
        return namespace
    }

    private static func firstProcess(_ directory: String) throws(EnrolmentFailure) -> Int32 {
        do throws(SystemError) {
            guard let first = try ControlGroup.processes(inDirectory: directory).first else {
                throw SystemError("find its network namespace: it has no process", code: ESRCH, subject: directory)
            }
            return first
        } catch { throw EnrolmentFailure(error) }
    }

    private static func at(_ path: String) throws(EnrolmentFailure) -> NetworkNamespace {
        do throws(SystemError) { return try NetworkNamespace(path: path) } catch { throw EnrolmentFailure(error) }
    }
}
