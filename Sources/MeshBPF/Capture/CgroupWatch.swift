internal import CBPF
internal import Glibc
internal import MeshSystem

/// The program that knows a cgroup from the moment that it is made. It runs without the daemon; a kernel that does not take it leaves
/// new cgroups to the daemon's survey.
enum CgroupWatch {
    private static let program = "cgroup_mkdir"

    /// The new program runs before the old one goes.
    static func install(_ options: CaptureOptions, _ pins: PinLayout) throws(KernelError) {
        let object = try ObjectFile(opening: options.objectDirectory + "/closure.bpf.o")
        try object.pinMaps(in: pins.maps)
        try object.load()
        let program = try object.program(program)
        let link = FileDescriptor(owning: try loading("attach \(Self.program)") { cbpf_link_tracepoint(program) })
        let pin = pins.links + "/" + Self.program
        unlink(pin)
        try loading("pin \(pin)") { bpf_obj_pin(link.raw, pin) }
    }
}
