import Foundation
import MeshIdentity
import MeshTypes

/// A directory of this test that goes with it.
final class Scratch {
    let path: String
    init() {
        path = "\(NSTemporaryDirectory())/myelin-identity-\(UUID().uuidString)"
        try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    var authority: String { path + "/ca" }
    func text(_ name: String) -> String { try! String(contentsOfFile: "\(authority)/\(name)", encoding: .utf8) }
    func write(_ name: String, _ text: String, mode: Int = 0o600) {
        try! text.write(toFile: "\(authority)/\(name)", atomically: false, encoding: .utf8)
        try! FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: "\(authority)/\(name)")
    }
    func mode(_ name: String) -> Int {
        let attributes = try! FileManager.default.attributesOfItem(atPath: name.isEmpty ? authority : "\(authority)/\(name)")
        return attributes[.posixPermissions] as! Int
    }
    var files: [String] { try! FileManager.default.contentsOfDirectory(atPath: authority).sorted() }
}

/// A program's exit status and output.
func run(_ arguments: String...) -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = pipe
    try! process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
}

func pemText(_ chain: [[UInt8]]) -> String {
    chain.map {
        "-----BEGIN CERTIFICATE-----\n\(Data($0).base64EncodedString(options: .lineLength64Characters))\n-----END CERTIFICATE-----\n"
    }.joined()
}

extension ServiceIdentity {
    static func of(_ service: String) -> ServiceIdentity { ServiceIdentity(namespace: "default", name: ServiceName(service)!) }
}

extension SPIFFEID {
    static func of(_ service: String) -> SPIFFEID { SPIFFEID(trustDomain: "daarion.city", service: .of(service)) }
}
