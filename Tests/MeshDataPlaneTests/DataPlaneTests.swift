import Testing

/// Tests that block their thread in socket calls, as the programs do for which they stand. One at a time: Swift's threads are as many as the
/// machine has cores, and other tests wait for them.
@Suite(.serialized) struct DataPlaneTests {}
