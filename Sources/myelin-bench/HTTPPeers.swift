/// The same proxies at work on HTTP: a route by a field and one for the rest, a deadline of 3 s, retries, a policy that says who may, metrics.
extension EnvoyPeer {
    static func http(listen: Address, to upstream: Address, http2: Bool) -> String {
        bootstrap(listener(listen, filter: manager), cluster(upstream, extra: http2 ? http2Options : keptConnections))
    }

    /// - Parameter http2: requests of all connections share one HTTP/2 connection between the two.
    static func httpNear(listen: Address, to upstream: Address, certificates: Certificates, http2: Bool) -> String {
        let transport = upstreamTLS(certificates, alpn: http2)
        return bootstrap(
            listener(listen, filter: manager), cluster(upstream, extra: transport + "\n" + (http2 ? http2Options : keptConnections)))
    }

    /// - Parameter server: the server speaks HTTP/2.
    static func httpFar(listen: Address, to upstream: Address, certificates: Certificates, http2: Bool, server: Bool) -> String {
        bootstrap(
            listener(listen, filter: manager, extra: downstreamTLS(certificates, alpn: http2)),
            cluster(upstream, extra: server ? http2Options : keptConnections))
    }

    private static let keptConnections = """
              typed_extension_protocol_options:
                envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                  "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                  explicit_http_config: {http_protocol_options: {}}
        """

    private static let manager = """
                    - name: http
                      typed_config:
                        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                        stat_prefix: http
                        codec_type: AUTO
                        generate_request_id: true
                        http_filters:
                          - name: rbac
                            typed_config:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
                              rules:
                                action: ALLOW
                                policies:
                                  all: {permissions: [{url_path: {path: {prefix: "/items/"}}}], principals: [{any: true}]}
                          - name: router
                            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                        route_config:
                          virtual_hosts:
                            - name: all
                              domains: ["*"]
                              routes:
                                - match: {prefix: "/", headers: [{name: x-tier, string_match: {exact: gold}}]}
                                  route: {cluster: out, timeout: 1s}
                                - match: {prefix: "/"}
                                  route: {cluster: out, timeout: 3s, retry_policy: {retry_on: "connect-failure,reset,5xx", num_retries: 2}}
        """
}

extension HAProxyPeer {
    static func http(listen: Int, to upstream: String, http2: Bool) -> String {
        let mode = http2 ? " proto h2" : ""
        return httpHead + frontend("127.0.0.1:\(listen)\(mode)") + backend(upstream + mode)
    }

    static func httpNear(listen: Int, to upstream: String, certificates: Certificates, http2: Bool) -> String {
        let tls = "ssl crt \(certificates.near.both) ca-file \(certificates.authority) verify required verifyhost far.default.svc"
        return httpHead + frontend("127.0.0.1:\(listen)\(http2 ? " proto h2" : "")")
            + backend("\(upstream) \(tls)\(http2 ? " alpn h2" : "")")
    }

    static func httpFar(listen: Int, to upstream: String, certificates: Certificates, http2: Bool) -> String {
        let tls = "ssl crt \(certificates.far.both) ca-file \(certificates.authority) verify required\(http2 ? " alpn h2" : "")"
        return httpHead + frontend("0.0.0.0:\(listen) \(tls)") + backend(upstream + (http2 ? " proto h2" : ""))
    }

    private static var httpHead: String {
        head.replacing("mode tcp", with: "mode http").replacing("option splice-auto", with: "http-reuse always")
            + "    retries 2\n    retry-on conn-failure empty-response\n    option http-keep-alive\n\n"
    }

    private static func frontend(_ bind: String) -> String {
        """
        frontend in
            bind \(bind)
            unique-id-format %{+X}o%ci%cp%fi%fp%Ts%rt
            unique-id-header x-request-id
            acl gold req.hdr(x-tier) -m str gold
            http-request deny unless { path_beg /items/ }
            use_backend out if gold
            default_backend out

        """
    }

    private static func backend(_ server: String) -> String { "backend out\n    server one \(server)\n" }
}

extension NginxPeer {
    /// What every contender stands before: 128 bytes for any request.
    static func server(listen: Int, directory: String) -> String {
        let body = String(repeating: "x", count: 128)
        return http(
            directory: directory,
            "server { listen 0.0.0.0:\(listen) backlog=4096; listen [::]:\(listen) backlog=4096; location / { return 200 \"\(body)\"; } }")
    }

    static func http(listen: Int, to upstream: String, directory: String) -> String {
        http(directory: directory, proxy("listen 127.0.0.1:\(listen) backlog=4096;", upstream, ""))
    }

    static func httpNear(listen: Int, to upstream: String, certificates: Certificates, directory: String) -> String {
        let tls = """
            proxy_ssl_protocols TLSv1.3; proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; proxy_ssl_name far.default.svc;
            proxy_ssl_server_name on; proxy_ssl_certificate \(certificates.near.certificate); proxy_ssl_certificate_key \(certificates.near.key);
            proxy_ssl_trusted_certificate \(certificates.authority); proxy_ssl_verify on;
            """
        return http(directory: directory, proxy("listen 127.0.0.1:\(listen) backlog=4096;", upstream, tls, scheme: "https"))
    }

    static func httpFar(listen: Int, to upstream: String, certificates: Certificates, directory: String) -> String {
        let tls = """
            listen 0.0.0.0:\(listen) ssl backlog=4096; ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
            ssl_certificate \(certificates.far.certificate); ssl_certificate_key \(certificates.far.key);
            ssl_client_certificate \(certificates.authority); ssl_verify_client on;
            """
        return http(directory: directory, proxy(tls, upstream, ""))
    }

    private static func proxy(_ listen: String, _ upstream: String, _ tls: String, scheme: String = "http") -> String {
        """
        upstream out { server \(upstream); keepalive 128; keepalive_requests 100000000; }
        server {
            \(listen)
            location /items/ {
                proxy_pass \(scheme)://out; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Request-Id $request_id;
                proxy_read_timeout 3s; proxy_next_upstream error timeout http_502 http_503; \(tls)
            }
        }
        """
    }

    private static func http(directory: String, _ content: String) -> String {
        """
        daemon off; master_process off; worker_processes 1; pid \(directory)/nginx.pid; error_log stderr error;
        events { worker_connections 12000; }
        http {
            access_log off; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 300s;
            client_body_temp_path \(directory)/body; proxy_temp_path \(directory)/proxy; fastcgi_temp_path \(directory)/fastcgi;
            uwsgi_temp_path \(directory)/uwsgi; scgi_temp_path \(directory)/scgi;
            \(content)
        }
        """
    }
}
