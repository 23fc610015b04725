internal import Logging
internal import MeshRegistry

/// Logs what happens to the registry.
struct RegistryJournal: Sendable {
    let log: Logger

    func note(_ event: RegistryEvent) {
        switch event {
        case .failing(let source, let failure):
            log.error(
                "a registry source fails, its last good records stay in force",
                metadata: [
                    "source": "\(source)", "code": "\(failure.code.rawValue)", "error": "\(failure.what)", "advice": "\(failure.advice)",
                ])
        case .healthy(let source, let records):
            log.notice("a registry source answers", metadata: ["source": "\(source)", "records": "\(records)"])
        case .held(let source, let kept, let grace):
            log.error(
                "records of a registry source are gone at once: they stay in force for now",
                metadata: [
                    "source": "\(source)", "records": "\(kept)", "for": "\(grace)",
                    "advice": "if that is right: myelinctl registry accept \(source)",
                ])
        case .emptied(let source): log.warning("a registry source that lost its records is believed", metadata: ["source": "\(source)"])
        case .remembered(let source, let records):
            log.notice(
                "records of a registry source are those from before the start", metadata: ["source": "\(source)", "records": "\(records)"])
        case .archive(let source, let failure):
            log.error("last good records", metadata: ["source": "\(source)", "error": "\(failure)"])
        case .dropped(let source, let error):
            log.warning("a record is left out", metadata: ["source": "\(source)", "error": "\(error)"])
        case .problem(let problem):
            log.warning(
                "a record does not fit",
                metadata: ["source": "\(problem.source)", "kind": "\(problem.kind.rawValue)", "error": "\(problem.error)"])
        }
    }
}
