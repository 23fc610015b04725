import Foundation
import Glibc
import MeshSystem
import MeshTypes
import Synchronization

/// A server as others wrote it, on a port of loopback, and the requests that it saw.
final class RealServer: Sendable {
    enum Kind: CaseIterable { case nginx, node, gunicorn }

    struct NotStarted: Error {}

    let address: SocketAddress
    private let log: String
    private let directory: String
    private let process: Mutex<Process?>

    init(_ kind: Kind) throws {
        let directory = try Scratch.directory()
        self.directory = directory
        log = directory + "/requests.log"
        // Free a moment ago; whoever takes it meanwhile makes the start fail, not the test pass.
        let port = try TestListener().address.port
        address = SocketAddress(ip: .v4Loopback, port: port)
        let server = Process()
        switch kind {
        case .nginx:
            try Self.nginx(port, directory, log).write(toFile: directory + "/nginx.conf", atomically: true, encoding: .utf8)
            server.executableURL = URL(fileURLWithPath: "/usr/sbin/nginx")
            server.arguments = ["-p", directory, "-c", directory + "/nginx.conf", "-e", directory + "/error.log"]
        case .node:
            server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            server.arguments = ["node", "-e", Self.node(port, log)]
        case .gunicorn:
            try Self.application(log).write(toFile: directory + "/application.py", atomically: true, encoding: .utf8)
            server.executableURL = URL(fileURLWithPath: "/usr/bin/gunicorn")
            server.arguments = [
                "--chdir", directory, "--bind", "127.0.0.1:\(port)", "--worker-class", "gthread", "--threads", "8", "--keep-alive", "30",
                "--log-level", "critical", "application:application",
            ]
        }
        try server.run()
        process = Mutex(server)
        let deadline = ContinuousClock.now + .seconds(10)
        while !TCPSocket.answers(address, timeout: 100) {
            guard ContinuousClock.now < deadline, server.isRunning else { throw NotStarted() }
            usleep(20_000)
        }
    }

    deinit { stop() }

    func stop() {
        process.withLock { running in
            guard let process = running else { return }
            // Not SIGTERM: children inherit a mask that blocks it. gunicorn's worker ends when it misses its parent.
            kill(process.processIdentifier, SIGKILL)
            running = nil
        }
    }

    /// What nginx answers on `/ready`: 200, or 503.
    func setReady(_ isReady: Bool) {
        if isReady { unlink(directory + "/unready") } else { close(open(directory + "/unready", O_CREAT | O_WRONLY, 0o644)) }
    }

    /// Method and target of all requests so far.
    var requests: [String] {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
    }

    private static func nginx(_ port: UInt16, _ directory: String, _ log: String) -> String {
        """
        daemon off; master_process off; pid \(directory)/nginx.pid;
        events { worker_connections 512; }
        http {
          log_format line '$request'; access_log \(log) line;
          client_body_temp_path \(directory)/body; proxy_temp_path \(directory)/proxy; fastcgi_temp_path \(directory)/fastcgi;
          uwsgi_temp_path \(directory)/uwsgi; scgi_temp_path \(directory)/scgi;
          server {
            listen 127.0.0.1:\(port); location / { return 200 'yes'; }
            location /ready { if (-f \(directory)/unready) { return 503; } return 200 'ready'; }
          }
        }

        """
    }

    private static func application(_ log: String) -> String {
        """
        def application(environment, start):
            with open('\(log)', 'a') as file: file.write(environment['REQUEST_METHOD'] + ' ' + environment['RAW_URI'] + '\\n')
            environment['wsgi.input'].read()
            start('200 OK', [('content-length', '3')])
            return [b'yes']

        """
    }

    private static func node(_ port: UInt16, _ log: String) -> String {
        """
        const fs = require('fs');
        require('http').createServer((request, answer) => {
          fs.appendFileSync('\(log)', request.method + ' ' + request.url + '\\n');
          request.resume(); request.on('end', () => answer.end('yes')); request.on('error', () => {});
        }).listen(\(port), '127.0.0.1');
        """
    }
}
