import CFuzzer
import Foundation
import FuzzProperties

// FuzzDriver TARGET [options and folders of libFuzzer]
// FuzzDriver --unpack|--pack TARGET REPOSITORY-FUZZ-FOLDER FOLDER
// FuzzDriver --targets

/// Bytes that a packed corpus may have.
let packLimit = 96 << 10

func end(_ message: String, status: Int32 = 2) -> Never {
    FileHandle.standardError.write(Data((message + "\n").utf8))
    exit(status)
}

func target(_ name: String) -> FuzzTarget {
    guard let target = FuzzTarget(rawValue: name) else {
        end("\"\(name)\" is no target: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return target
}

let words = CommandLine.arguments
switch words.count > 1 ? words[1] : "" {
case "": end("usage: FuzzDriver TARGET [libFuzzer's options]; targets: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
case "--targets": print(FuzzTarget.allCases.map(\.rawValue).joined(separator: "\n"))
case "--unpack" where words.count == 5, "--pack" where words.count == 5:
    let corpus = FuzzCorpus(target(words[2]), in: URL(fileURLWithPath: words[3]))
    let folder = URL(fileURLWithPath: words[4])
    if words[1] == "--unpack" { try corpus.unpack(into: folder) } else { try corpus.pack(folder, limit: packLimit) }
default: FuzzRun.start(target(words[1]), dropping: 1)
}
