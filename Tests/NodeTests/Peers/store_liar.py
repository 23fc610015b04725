"""store_liar.py HOST PORT LIE: what listens at a store's address and is none. LIE: page, endless or slow."""
import http.server
import socketserver
import sys
import time

host, port, lie = sys.argv[1], int(sys.argv[2]), sys.argv[3]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"<html>Welcome</html>"
        self.send_response(200)
        if lie == "page":
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"{" if lie == "slow" else b"a" * 65536)
                if lie == "slow":
                    time.sleep(0.2)
        except OSError:
            pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True


Server((host, port), Handler).serve_forever()
