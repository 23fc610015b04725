internal import ArgumentParser
internal import Foundation
internal import MeshAdmin
internal import MeshTypes

/// What every command takes.
struct ControlOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

    @Option(help: ArgumentHelp("The daemon's status socket.", valueName: "path"))
    var socket = ProcessInfo.processInfo.environment["MYELIN_SOCKET"] ?? "/run/myelin/status.sock"

    @Option(name: .shortAndLong, help: "A table for people, or json for programs.")
    var output = Format.table

    /// Asks the daemon; its refusal and its absence end the program with a sentence and a status of their own.
    func ask<View>(_ question: (StatusClient) async throws(StatusClientFailure) -> View) async throws -> View {
        do throws(StatusClientFailure) {
            return try await question(StatusClient(socket: socket))
        } catch {
            complain("\(error)")
            throw error.kind == .unreachable ? ExitCode.unreachable : ExitCode.found
        }
    }

    func complain(_ sentence: String) {
        FileHandle.standardError.write(Data("myelinctl: \(VisibleText.plain(sentence, keepingLines: true))\n".utf8))
    }

    /// Prints views as JSON, or as a table with a line each.
    func show<View: Encodable>(_ views: [View], _ columns: [Column<View>], none: String) throws {
        switch output {
        case .json: try printJSON(views)
        case .table: print(views.isEmpty ? none : Table(columns: columns, rows: views).text, terminator: views.isEmpty ? "\n" : "")
        }
    }

    func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        print(VisibleText.json(document: String(decoding: try encoder.encode(value), as: UTF8.self)))
    }
}
