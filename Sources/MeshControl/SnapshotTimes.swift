/// How long one snapshot took on its way: made, adopted by all workers, and written to the kernel's tables.
package struct SnapshotTimes: Sendable, Equatable {
    package var build = Duration.zero
    /// From the moment that workers were told; at most the time that the kernel's tables wait for slow ones.
    package var adoption = Duration.zero
    package var kernelTables = Duration.zero
}
