/// What was expected of a scene and what was counted.
struct SceneRecord {
    private(set) var holds = true

    /// Prints both, side by side.
    mutating func expect(_ expected: String, counted: String, _ isAsExpected: Bool) {
        print("  expected: \(expected)\n  counted:  \(counted)\(isAsExpected ? "" : "   <- NOT AS EXPECTED")")
        if !isAsExpected { holds = false }
    }
}
