/// The bounds of one HBONE connection.
package struct HBONELimits: SessionLimits {
    package var maximumStreams: UInt32 = 4096
    package var streamWindow: Int32 = 4 << 20
    package var connectionWindow: Int32 = 64 << 20
    package var maximumHeaderBytes: UInt32 = 16 << 10
    package var maximumContinuations = 4
    package var maximumSettingsEntries = 32
    package var maximumPendingAcknowledgements = 512
    package var stallTimeout: UInt64 = 300_000_000_000
    package var floods = FloodLimits()

    package init() {}

    /// Payload of one DATA frame: with the nine bytes of its header it fills one TLS record of 16 KiB.
    package static let dataPayload = 16_384 - 9
}
