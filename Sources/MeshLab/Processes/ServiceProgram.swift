internal import Foundation

/// The programs behind the services. Every answer is JSON:
/// `{"service", "instance", "node", "remote": the peer's address, "local": its own, "path", "marker"}`.
struct ServiceProgram {
    let workload: Workload
    let service: Topology.Service
    /// A directory of the instance, made before.
    let directory: String
    /// The load generator.
    let load: String

    /// The file to which a steerable program adds a line for each request.
    static let requestLog = "requests.log"

    /// Writes what the program needs; the command line.
    func prepare() throws(LabError) -> [String] {
        switch service.program {
        case .nginx:
            try Documents.write(nginxConfiguration, to: directory + "/nginx.conf")
            return ["nginx", "-p", directory, "-c", directory + "/nginx.conf", "-e", directory + "/error.log", "-g", "daemon off;"]
        case .python:
            try Documents.write(Self.pythonServer, to: directory + "/server.py")
            let family = service.family == .ipv6Only ? "ipv6" : "dual"
            return [
                "/usr/bin/python3", "-u", directory + "/server.py", service.name, workload.name, workload.node, String(service.port),
                family, workload.marker,
            ]
        case .steerable:
            return [
                load, "http-serve", "--listen", "[::]:\(service.port)", "--name", workload.name, "--service", service.name, "--version",
                workload.version, "--marker", workload.marker, "--count-file", directory + "/" + Self.requestLog,
            ]
        case .command(let words): return words
        case .idle: return ["sleep", "infinity"]
        }
    }

    private var nginxConfiguration: String {
        let ipv4 = service.family == .ipv6Only ? "" : "listen 0.0.0.0:\(service.port) backlog=4096;"
        let fields: [(String, String)] = [
            ("service", service.name), ("instance", workload.name), ("node", workload.node), ("remote", "$remote_addr"),
            ("local", "$server_addr"), ("path", "$uri"), ("marker", workload.marker),
        ]
        let body = "{" + fields.map { "\"\($0)\": \"\($1)\"" }.joined(separator: ", ") + "}\\n"
        return """
            user root;
            worker_processes 1;
            pid \(directory)/nginx.pid;
            events { worker_connections 4096; }
            http {
              access_log \(directory)/access.log;
              client_body_temp_path \(directory)/body; proxy_temp_path \(directory)/proxy; fastcgi_temp_path \(directory)/fastcgi;
              uwsgi_temp_path \(directory)/uwsgi; scgi_temp_path \(directory)/scgi;
              keepalive_requests 1000000;
              server {
                \(ipv4)
                listen [::]:\(service.port) ipv6only=on backlog=4096;
                default_type application/json;
                location / { return 200 '\(body)'; }
              }
            }

            """
    }

    /// `GET /slow` takes a second; a body that is sent is read and its length told.
    private static let pythonServer = """
        import http.server, json, socket, sys, time
        name, instance, node, port, family, marker = sys.argv[1:7]

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def answer(self):
                received = len(self.rfile.read(int(self.headers.get('Content-Length') or 0)))
                if self.path.startswith('/slow'): time.sleep(1)
                plain = lambda address: address[7:] if address.startswith('::ffff:') else address
                body = (json.dumps({
                    'service': name, 'instance': instance, 'node': node, 'remote': plain(self.client_address[0]),
                    'local': plain(self.connection.getsockname()[0]), 'path': self.path, 'received': received, 'marker': marker,
                }) + '\\n').encode()
                self.send_response(200)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                if self.command != 'HEAD': self.wfile.write(body)
            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6
            request_queue_size = 1024
            def server_bind(self):
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if family == 'ipv6' else 0)
                super().server_bind()

        Server(('::', int(port)), Handler).serve_forever()

        """
}
