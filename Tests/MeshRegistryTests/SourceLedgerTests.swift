import Foundation
import MeshRegistry
import MeshTypes
import Testing

@Suite struct SourceLedgerTests {
    private let start = Moment(instant: .now, date: Date(timeIntervalSince1970: 1_000_000))
    private let some = Records.all(nodes: [Records.node("n1")])

    private func at(_ seconds: Int) -> Moment {
        Moment(instant: start.instant + .seconds(seconds), date: start.date.addingTimeInterval(Double(seconds)))
    }

    private func ledger(_ kind: SourceName.Kind = .etcd) -> SourceLedger {
        SourceLedger(SourceName(kind), grace: .seconds(60), now: start)
    }

    private func said(_ records: RegistryRecords, onPurpose: Bool = false) -> SourceReport {
        .records(records, SourceNote(isEmptyOnPurpose: onPurpose))
    }

    private let dead = SourceReport.failed(SourceFailure(.unreachable, "no answer", advice: "start it"))

    @Test func aFailureKeepsWhatWasSaidLast() {
        var ledger = ledger()
        #expect(ledger.receive(said(some), now: at(1)) == [.records, .condition])
        #expect(ledger.receive(dead, now: at(2)) == .condition)
        #expect(ledger.receive(dead, now: at(9)) == [])
        #expect(ledger.records == some && ledger.condition.code == "failing" && ledger.since == at(2))
        #expect(ledger.recordsSaid == at(2).date)
        #expect(ledger.receive(said(some), now: at(10)) == .condition)
        #expect(ledger.condition == .healthy && ledger.changes == 1)
    }

    @Test func theFirstAnswerMayBeEmpty() {
        var ledger = ledger()
        #expect(ledger.receive(said(RegistryRecords()), now: at(1)).contains(.records))
        #expect(ledger.condition == .healthy && ledger.records?.isEmpty == true)
    }

    @Test func aSourceThatLosesEverythingIsHeldForTheGrace() {
        var ledger = ledger()
        _ = ledger.receive(said(some), now: at(0))
        #expect(ledger.receive(said(RegistryRecords()), now: at(5)) == .condition)
        #expect(ledger.condition == .held && ledger.records == some && ledger.deadline == at(65).instant)
        #expect(ledger.receive(said(RegistryRecords()), now: at(30)) == [])
        #expect(ledger.settle(now: at(64)) == [])
        #expect(ledger.settle(now: at(65)) == [.records, .condition])
        #expect(ledger.records?.isEmpty == true && ledger.condition == .healthy)
    }

    private static func declared(_ names: some Sequence<Int>) -> [RegistryRecords.Service] { names.map { Records.service("s\($0)") } }

    private static func announced(_ count: Int) -> [RegistryRecords.Service] {
        (0..<count).map { Records.service("a\($0)", .auto, [Records.endpoint("10.0.0.\($0):80", announcer: "n1")], announced: true) }
    }

    private static let losses: [(before: Range<Int>, after: Range<Int>, isHeld: Bool)] = [
        // All of few, and more than half of many.
        (0..<2, 0..<0, true), (0..<20, 0..<9, true), (0..<20, 100..<120, true),
        // Some of few, half of many, and what nodes announced.
        (0..<12, 0..<3, false), (0..<20, 0..<10, false), (0..<0, 0..<0, false),
    ]

    @Test(arguments: losses)
    func whatOperatorsDeclaredIsNotLostAtOnce(before: Range<Int>, after: Range<Int>, isHeld: Bool) {
        var ledger = ledger()
        let first = Records.all(services: Self.declared(before) + Self.announced(50))
        let second = Records.all(services: Self.declared(after) + Self.announced(1))
        _ = ledger.receive(said(first), now: at(0))
        _ = ledger.receive(said(second), now: at(5))
        #expect((ledger.condition == .held) == isHeld && ledger.records == (isHeld ? first : second))
        guard isHeld else { return }
        #expect(ledger.settle(now: at(65)) == [.records, .condition] && ledger.records == second)
    }

    @Test func aFailureInBetweenStartsTheGraceAnew() {
        var ledger = ledger()
        _ = ledger.receive(said(some), now: at(0))
        _ = ledger.receive(said(RegistryRecords()), now: at(5))
        _ = ledger.receive(dead, now: at(50))
        #expect(ledger.settle(now: at(70)) == [] && ledger.records == some)
        _ = ledger.receive(said(RegistryRecords()), now: at(80))
        #expect(ledger.settle(now: at(139)) == [] && ledger.settle(now: at(140)).contains(.records))
    }

    @Test func recordsThatComeBackEndTheHold() {
        var ledger = ledger()
        _ = ledger.receive(said(some), now: at(0))
        _ = ledger.receive(said(RegistryRecords()), now: at(5))
        #expect(ledger.receive(said(some), now: at(6)) == .condition)
        #expect(ledger.settle(now: at(500)) == [] && ledger.records == some)
    }

    @Test func theOperatorOrTheSourceItselfMaySayThatEmptyIsRight() {
        var accepted = ledger()
        #expect(accepted.accept(now: at(0)) == [])
        _ = accepted.receive(said(some), now: at(0))
        _ = accepted.receive(said(RegistryRecords()), now: at(5))
        #expect(accepted.accept(now: at(6)).contains(.records) && accepted.records?.isEmpty == true)
        var stated = ledger(.files)
        _ = stated.receive(said(some), now: at(0))
        #expect(stated.receive(said(RegistryRecords(), onPurpose: true), now: at(5)) == .records)
        var own = ledger(.embedded)
        _ = own.receive(said(some), now: at(0))
        #expect(own.receive(said(RegistryRecords()), now: at(5)) == .records)
    }

    @Test func moreThanTheBoundIsAFailureAndChangesNothing() {
        var ledger = ledger()
        _ = ledger.receive(said(some), now: at(0))
        let node = Records.node("n1")
        let flood = Records.all(nodes: Array(repeating: node, count: RegistryBounds.records + 1))
        #expect(ledger.receive(said(flood), now: at(1)) == .condition)
        #expect(ledger.records == some)
        guard case .failing(let failure) = ledger.condition else {
            Issue.record("is \(ledger.condition)")
            return
        }
        #expect(failure.code == .overBound)
    }

    @Test func whatADaemonBeforeRememberedCountsUntilTheSourceAnswers() {
        var ledger = ledger()
        ledger.remember(some, said: Date(timeIntervalSince1970: 5))
        #expect(ledger.areRemembered && ledger.records == some)
        _ = ledger.receive(dead, now: at(1))
        #expect(ledger.areRemembered && ledger.recordsSaid == Date(timeIntervalSince1970: 5))
        #expect(ledger.receive(said(RegistryRecords()), now: at(2)) == .condition)
        #expect(ledger.condition == .held)
        _ = ledger.receive(said(some), now: at(3))
        #expect(!ledger.areRemembered)
    }
}
