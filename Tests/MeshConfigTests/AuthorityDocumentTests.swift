import Foundation
import MeshConfig
import MeshTypes
import Testing

@Suite struct AuthorityDocumentTests {
    private func load(_ authority: String, name: String = "node-1") throws -> NodeConfiguration {
        let scratch = try Scratch()
        return try NodeConfiguration.load(
            file: try scratch.write("node: {name: \(name), address: 10.0.0.1}\nca: \(authority)\n", to: "node.yaml"))
    }

    private func complaints(_ authority: String, name: String = "node-1") throws -> [DocumentError] {
        let scratch = try Scratch()
        let file = try scratch.write("node: {name: \(name), address: 10.0.0.1}\nca: \(authority)\n", to: "node.yaml")
        return errors { () throws(DocumentErrors) in try NodeConfiguration.load(file: file) }
    }

    @Test func aNodeThatCarriesIt() throws {
        let authority = try load("{serve: {listen: \"10.0.0.1\"}, lifetime: 12h}").authority
        #expect(authority.serve == SocketAddress("10.0.0.1:15012"))
        #expect(authority.servers.isEmpty && authority.lifetime == .seconds(12 * 3600))
    }

    @Test func aNodeThatAsks() throws {
        let authority = try load("{servers: [\"10.0.0.9:15013\", \"fd00::9\"], token_file: /etc/t}").authority
        #expect(authority.servers == [SocketAddress("10.0.0.9:15013")!, SocketAddress("[fd00::9]:15012")!])
        #expect(authority.tokenFile == "/etc/t" && authority.serve == nil)
    }

    @Test(arguments: [
        "{serve: {listen: \"[fd00::1]:15012\"}, directory: /ca, lifetime: 1h, intermediate: {certificate: /c, key: /k, roots: /r}}",
        "{servers: [\"10.0.0.9\"], token_file: \"/etc/a b\", lifetime: 24h}", "{directory: /x}",
        "{serve: {listen: \"10.0.0.1\"}, peers: [\"10.0.0.2\", \"[fd00::2]:15013\"]}",
    ])
    func isRenderedSoThatItReadsBack(text: String) throws {
        let first = try load(text)
        let scratch = try Scratch()
        let second = try NodeConfiguration.load(file: try scratch.write(first.rendered, to: "again.yaml"))
        #expect(second.rendered == first.rendered)
        #expect(second.authority.servers == first.authority.servers && second.authority.intermediate == first.authority.intermediate)
        #expect(second.authority.peers == first.authority.peers)
        #expect(second.authority.serve == first.authority.serve && second.authority.tokenFile == first.authority.tokenFile)
    }

    @Test(arguments: [
        ("{servers: [\"10.0.0.9\"], directory: /ca}", "`directory` beside `servers`"),
        ("{servers: [\"10.0.0.9\"], serve: {listen: \"10.0.0.1\"}}", "`serve` beside `servers`"),
        ("{servers: [\"10.0.0.9\"], intermediate: {certificate: /c, key: /k, roots: /r}}", "`intermediate` beside `servers`"),
        ("{servers: [\"10.0.0.9\"], peers: [\"10.0.0.2\"]}", "`peers` beside `servers`"),
        ("{serve: {listen: \"10.0.0.1\"}, peers: [\"10.0.0.1\"]}", "this authority itself"), ("{peers: []}", "names no server"),
        ("{token_file: /etc/t}", "without `servers`"), ("{servers: []}", "names no server"),
        ("{servers: [\"10.0.0.9\", \"10.0.0.9:15012\"]}", "named twice"), ("{servers: [\"0.0.0.0\"]}", "no address of one machine"),
        ("{servers: [\"nowhere\"]}", "address:port"), ("{serve: {}}", "listen"), ("{serve: {listen: \"10.0.0.1:15008\"}}", "port 15008"),
        ("{serve: {listen: \"10.0.0.1:15020\"}}", "port 15020"), ("{intermediate: {certificate: /c, key: /k}}", "roots"),
        ("{intermediate: {certificate: c, key: /k, roots: /r}}", "absolute"), ("{severs: [\"10.0.0.9\"]}", "did you mean \"serve"),
        ("{lifetime: 30s}", "from 1m"),
    ])
    func contradictionsAreNamed(text: String, words: String) throws {
        let found = try complaints(text)
        #expect(!found.isEmpty && found.allSatisfy { $0.line == 2 })
        #expect(found.contains { "\($0)".contains(words) }, "\(found)")
    }

    @Test func theNamesOfNodesThatJoinCanStandInACertificate() throws {
        #expect(
            try complaints("{servers: [\"10.0.0.9\"]}", name: "\"no de\"").contains {
                "\($0)".contains("cannot stand in a node's certificate")
            })
        #expect(try load("{directory: /ca}", name: "\"no de\"").node.name == "no de")
    }
}
