internal import MeshBPF
package import MeshConfig

/// Takes the mesh off a node.
package enum Uninstall {
    /// Detaches the kernel programs and removes their pins. Files in the state directory stay.
    package static func run(_ configuration: NodeConfiguration) { Capture.remove(pinDirectory: configuration.capture.pins) }
}
