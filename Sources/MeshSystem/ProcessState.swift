internal import CLinux

/// No core files of this process, and no ptrace of it by others of its user.
package func hideProcessMemory() { clinux_hide_memory() }

/// Whether the kernel's clock follows a time source (NTP, PTP); nil where a sandbox does not let us ask.
package func isClockSynchronised() -> Bool? {
    switch clinux_clock_is_synchronised() {
    case 0: false
    case 1: true
    default: nil
    }
}
