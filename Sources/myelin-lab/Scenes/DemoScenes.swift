internal import MeshLab

/// What the mesh does with single requests, scene by scene, on real traffic and as numbers.
struct DemoScenes {
    let lab: Lab
    private(set) var held = 0
    private(set) var total = 0

    init(lab: Lab) { self.lab = lab }

    mutating func run() {
        let lab = lab
        // In this order: an instance that was down comes back slowly, and is left the time for it.
        scene("Requests are spread over the instances of the caller's own zone, and over") { try SceneBalance(lab: lab).play(&$0) }
        scene("A zone is cut off under load, and healed") { try SceneZone(lab: lab).play(&$0) }
        scene("The life of wallet's circuit breaker (sensitivity high)") { try SceneBreaker(lab: lab).play(&$0) }
        scene("embassy takes 500 calls a minute") { try SceneRate(lab: lab).play(&$0) }
        scene("agent-orchestrator runs 32 at once, queues 100 and refuses the rest") { try SceneQueue(lab: lab).play(&$0) }
        scene("One instance becomes slow") { try SceneSlow(lab: lab).play(&$0) }
        scene("One instance is killed under load") { try SceneStop(lab: lab).play(&$0) }
        scene("A tenth of the calls goes to a new version") { try SceneSplit(lab: lab).play(&$0) }
        scene("Copies of a fifth of the calls go to the new version, for a trial") { try SceneMirror(lab: lab).play(&$0) }
    }

    /// A scene that cannot be played to its end has not held.
    private mutating func scene(_ title: String, _ play: (inout SceneRecord) throws -> Void) {
        heading(title)
        var record = SceneRecord()
        let started = ContinuousClock.now
        do {
            try play(&record)
        } catch {
            record.expect("the scene can be played", counted: "\(error)", false)
        }
        print("  (\((ContinuousClock.now - started).formatted))")
        total += 1
        if record.holds { held += 1 }
    }

    /// To be printed before the demonstration's last line.
    var verdict: String { "scenes: \(held) of \(total) as expected" }
    var allHeld: Bool { held == total }
}
