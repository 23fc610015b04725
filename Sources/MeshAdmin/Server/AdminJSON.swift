internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import MeshTypes

/// How views travel: snake_case keys, sorted.
enum AdminJSON {
    static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return encoder
    }

    /// Nothing in it steers a terminal.
    static func text(_ value: some Encodable) throws -> String {
        VisibleText.json(document: String(decoding: try encoder().encode(value), as: UTF8.self))
    }

    static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }

    static func respond(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: ByteBuffer(string: try text(value)))
        )
    }

    static func refuse(_ status: HTTPResponse.Status, _ error: String, _ remedy: String) throws -> Response {
        try respond(AdminComplaint(error: error, remedy: remedy), status: status)
    }
}
