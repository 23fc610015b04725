internal import CLinux

/// No core files of this process, and no ptrace of it by others of its user.
package func hideProcessMemory() { clinux_hide_memory() }

/// Whether the kernel's clock follows a time source (NTP, PTP).
package func isClockSynchronised() -> Bool { clinux_clock_is_synchronised() == 1 }
