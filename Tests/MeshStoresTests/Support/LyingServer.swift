import Foundation
import MeshTypes

/// An HTTP server that answers every request with what a store never would.
enum LyingServer {
    /// How it lies.
    enum Lie: String, CaseIterable {
        /// JSON that ends too soon.
        case cut
        case empty
        case page
        /// A body without end.
        case endless
        /// Right JSON of the wrong shape.
        case shape
        /// It closes the connection at once.
        case close
        /// A line of a watch that has no end.
        case line
        /// A byte now and then, for ever.
        case drip
    }

    private static let program = #"""
        import http.server, socketserver, sys, time
        lie = sys.argv[2]
        HEADER = b'"header":{"cluster_id":"1","member_id":"1","revision":"5","raft_term":"2"}'
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *a): pass
            def do_GET(self): self.do_POST()
            def do_PUT(self): self.do_POST()
            def begin(self, length=None):
                self.send_response(200)
                self.send_header("X-Consul-Index", "5")
                if length is None:
                    self.send_header("Connection", "close")
                    self.close_connection = True
                else: self.send_header("Content-Length", str(length))
                self.end_headers()
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = {"cut": b'{"header":{"clus', "empty": b"", "page": b"<html>Welcome</html>", "shape": b'{"header":7,"kvs":"no"}'}.get(lie)
                if body is not None:
                    self.begin(len(body)); self.wfile.write(body); return
                if lie == "close": self.close_connection = True; return
                if lie == "line" and not self.path.endswith("/watch"):
                    body = b"{" + HEADER + b"}"
                    self.begin(len(body)); self.wfile.write(body); return
                self.begin()
                try:
                    while True:
                        self.wfile.write(b"{" if lie == "drip" else b"a" * 65536)
                        if lie == "drip": time.sleep(0.1)
                except OSError: pass
        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
        Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
        """#

    static func start(_ lie: Lie, in scratch: Scratch) async throws -> StoreProcess {
        let port = try StoreProcess.freePort()
        let file = scratch.file("lie.py", program)
        return try await StoreProcess(
            ["/usr/bin/env", "python3", file, "\(port)", lie.rawValue], address: SocketAddress(ip: .v4Loopback, port: port),
            log: "lie.log", in: scratch)
    }
}
