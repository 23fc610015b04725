import MeshTypes
import Testing

@Suite struct DenialReasonTests {
    @Test func codesAreUniqueAndRead() {
        let codes = DenialReason.allCases.map(\.code)
        #expect(Set(codes).count == codes.count)
        for reason in DenialReason.allCases { #expect(DenialReason(code: reason.code) == reason) }
        #expect(DenialReason(code: "unheard_of") == nil)
    }
}
