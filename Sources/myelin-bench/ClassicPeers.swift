/// Configurations of HAProxy and of nginx's stream module; one thread each, AES-128-GCM as everybody else.
enum HAProxyPeer {
    static func plain(listen: Int, to upstream: String) -> String {
        head + """
            frontend in
                bind 127.0.0.1:\(listen)
                default_backend out
            backend out
                server one \(upstream)

            """
    }

    static func near(listen: Int, to upstream: String, certificates: Certificates) -> String {
        head + """
            frontend in
                bind 127.0.0.1:\(listen)
                default_backend out
            backend out
                server one \(upstream) ssl crt \(certificates.near.both) ca-file \(certificates.authority) verify required verifyhost far.default.svc

            """
    }

    static func far(listen: Int, to upstream: String, certificates: Certificates) -> String {
        head + """
            frontend in
                bind 0.0.0.0:\(listen) ssl crt \(certificates.far.both) ca-file \(certificates.authority) verify required
                default_backend out
            backend out
                server one \(upstream)

            """
    }

    static let head = """
        global
            nbthread 1
            maxconn 6000
            ssl-default-bind-options ssl-min-ver TLSv1.3
            ssl-default-server-options ssl-min-ver TLSv1.3
            ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
            ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
        defaults
            mode tcp
            option splice-auto
            maxconn 6000
            timeout connect 5s
            timeout client 60s
            timeout server 60s

        """
}

enum NginxPeer {
    static func plain(listen: Int, to upstream: String, directory: String) -> String {
        configuration(directory: directory, server: "listen 127.0.0.1:\(listen) backlog=4096; proxy_pass \(upstream);")
    }

    static func near(listen: Int, to upstream: String, certificates: Certificates, directory: String) -> String {
        configuration(
            directory: directory,
            server: """
                listen 127.0.0.1:\(listen) backlog=4096; proxy_pass \(upstream); proxy_ssl on; proxy_ssl_protocols TLSv1.3;
                proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; proxy_ssl_name far.default.svc; proxy_ssl_server_name on;
                proxy_ssl_certificate \(certificates.near.certificate); proxy_ssl_certificate_key \(certificates.near.key);
                proxy_ssl_trusted_certificate \(certificates.authority); proxy_ssl_verify on; proxy_ssl_session_reuse on;
                """)
    }

    static func far(listen: Int, to upstream: String, certificates: Certificates, directory: String) -> String {
        configuration(
            directory: directory,
            server: """
                listen 0.0.0.0:\(listen) ssl backlog=4096; proxy_pass \(upstream); ssl_protocols TLSv1.3;
                ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_certificate \(certificates.far.certificate);
                ssl_certificate_key \(certificates.far.key); ssl_client_certificate \(certificates.authority);
                ssl_verify_client on; ssl_session_cache shared:s:10m;
                """)
    }

    private static func configuration(directory: String, server: String) -> String {
        """
        load_module /usr/lib/nginx/modules/ngx_stream_module.so;
        daemon off; master_process off; worker_processes 1; pid \(directory)/nginx.pid; error_log stderr error;
        events { worker_connections 12000; }
        stream { access_log off; proxy_buffer_size 16k; tcp_nodelay on; server { \(server) } }
        """
    }
}
