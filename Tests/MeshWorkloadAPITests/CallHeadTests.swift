import MeshWorkloadAPI
import NIOHPACK
import Testing

struct CallHeadTests {
    private func head(_ changes: [String: String?]) -> HPACKHeaders {
        var headers: HPACKHeaders = [
            ":method": "POST", ":path": "/SpiffeWorkloadAPI/FetchX509SVID", ":scheme": "http", "content-type": "application/grpc",
            "workload.spiffe.io": "true",
        ]
        for (name, value) in changes {
            headers.remove(name: name)
            if let value { headers.add(name: name, value: value) }
        }
        return headers
    }

    private func code(_ changes: [String: String?]) -> GRPCStatus.Code? {
        if case .refused(let status, _) = CallHead.read(head(changes)) { status.code } else { nil }
    }

    @Test func takesTheTwoMethodsOfX509() {
        #expect(CallHead.read(head([:])) == .call(.fetchX509SVID))
        #expect(CallHead.read(head(["content-type": "application/grpc+proto"])) == .call(.fetchX509SVID))
        #expect(CallHead.read(head([":path": "/SpiffeWorkloadAPI/FetchX509Bundles"])) == .call(.fetchX509Bundles))
    }

    @Test(arguments: [nil, "True", "1", "", "true,true"])
    func refusesCallsWithoutTheSecurityHeader(value: String?) {
        #expect(code(["workload.spiffe.io": value]) == .invalidArgument)
        // Also for methods that do not exist: the header comes first.
        #expect(code(["workload.spiffe.io": value, ":path": "/SpiffeWorkloadAPI/Other"]) == .invalidArgument)
    }

    @Test func refusesASecondSecurityHeader() {
        var headers = head([:])
        headers.add(name: "workload.spiffe.io", value: "true")
        guard case .refused(let status, _) = CallHead.read(headers) else { return #expect(Bool(false)) }
        #expect(status.code == .invalidArgument)
    }

    @Test(arguments: ["FetchJWTSVID", "FetchJWTBundles", "ValidateJWTSVID", "FetchWITSVID", "", "fetchx509svid"])
    func saysWhatItDoesNotServe(method: String) { #expect(code([":path": "/SpiffeWorkloadAPI/\(method)"]) == .notServed) }

    @Test func answersHTTPWithHTTP() {
        #expect(CallHead.read(head([":method": "GET"])) == .notGRPC(status: 405))
        #expect(CallHead.read(head(["content-type": "application/json"])) == .notGRPC(status: 415))
        #expect(CallHead.read(head(["content-type": "application/grpc-web"])) == .notGRPC(status: 415))
    }
}
