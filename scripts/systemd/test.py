#!/usr/bin/env python3
"""test.py ROOTFS PACKAGE UPGRADE: the Debian package on two machines with systemd, from its installation to its removal (R9.2, R3.4).

The machines become one mesh as README's "From one machine to many" says: an authority and etcd on one, a token for the other. Units are
enrolled and call each other; the daemons are restarted, killed and upgraded while requests and connections go on. No request that may be
repeated fails, and no connection is refused.
"""
import json
import os
import sys
import time

from machine import BASE, Failure, Machine, join, shell, unjoin

rootfs, package, upgrade = (os.path.abspath(path) for path in sys.argv[1:4])
here = os.path.dirname(os.path.abspath(__file__))
# systemd-analyze security rates from 0 (nothing permitted) to 100; the unit says beside each right why it is needed.
EXPOSURE = 34
# A connection that is made while no daemon runs waits until one does.
SLOWEST = 8.0

ECHO = """[Service]
ExecStart=/usr/bin/python3 /mnt/echo.py {port}
DynamicUser=yes
"""
CALLER = """[Service]
ExecStart=/usr/bin/python3 /mnt/load.py /run/load.json http:web:8080 tunnelled:echo:7000 direct:near:7001
"""
STRANGER = """[Service]
Type=oneshot
ExecStart=/usr/bin/curl -sS --max-time 5 http://web:8080/
"""
# What may run anywhere: the authority gives its certificate to any node that finds it.
SERVICES = (("web", 8080, "http"), ("echo", 7000, "tcp"), ("near", 7001, "tcp"), ("caller", 9000, "tcp"), ("stranger", 9001, "tcp"))
ETCD = """ETCD_LISTEN_CLIENT_URLS=http://{address}:2379
ETCD_ADVERTISE_CLIENT_URLS=http://{address}:2379
ETCD_LISTEN_PEER_URLS=http://127.0.0.1:2380
ETCD_INITIAL_ADVERTISE_PEER_URLS=http://127.0.0.1:2380
ETCD_INITIAL_CLUSTER={name}=http://127.0.0.1:2380
"""
STORE = """registry:
  files: /etc/myelin/registry
  etcd: {{servers: ["http://{address}:2379"]}}
"""
NGINX = """server { listen 8080; keepalive_timeout 75; keepalive_requests 1000000; location / { return 200 "web\\n"; } }
"""


def say(text):
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


def expect(condition, what):
    if not condition:
        raise Failure(what)


def install(machine):
    machine.run("rm -f /usr/sbin/policy-rc.d; dpkg -i /mnt/first.deb")
    machine.wait(lambda: machine.run("systemctl is-active myelind.service", check=False)[1].strip() == "active", 20, "the daemon is active")
    expect(machine.run("myelinctl status").find("state         serving") >= 0, "myelinctl status does not say that the daemon serves")
    expect(machine.run("systemctl is-active myelin-closed.service").strip() == "active", "nothing is closed before the daemon runs")
    verified = machine.run("systemd-analyze verify myelin-closed.service myelind.service myelind.socket meshed.slice system-myelin.slice")
    expect(verified.strip() == "", f"systemd-analyze verify has something to say:\n{verified}")
    machine.run(f"systemd-analyze security --threshold={EXPOSURE} myelind.service >/run/security || {{ cat /run/security; exit 1; }}")
    lines = machine.run("journalctl -q -u myelind -o json --output-fields=PRIORITY,MESSAGE").splitlines()
    entries = [json.loads(line) for line in lines]
    expect(any(e["PRIORITY"] == "5" and json.loads(e["MESSAGE"])["message"] == "serving" for e in entries if e["MESSAGE"].startswith("{")),
           "the journal does not have the daemon's notices as such")


def unite(alpha, beta):
    """No certificate and no list of endpoints is copied."""
    alpha.write("/etc/default/etcd", ETCD.format(name=alpha.name, address=alpha.address))
    alpha.run("systemctl start etcd.service || { journalctl -u etcd.service; exit 1; }")
    for service, port, protocol in SERVICES:
        record = json.dumps({"service": service, "port": port, "protocol": protocol, "nodes": "any"})
        alpha.run(f"etcdctl --endpoints http://{alpha.address}:2379 put /myelin/services/default/{service} '{record}'")
    authority = f"{alpha.address}:15012"
    own = {alpha: f'ca: {{serve: {{listen: "{authority}"}}}}', beta: f'ca: {{servers: ["{authority}"], token_file: /etc/myelin/join.token}}'}
    for machine in (alpha, beta):
        if machine is beta:
            beta.write("/etc/myelin/join.token", alpha.run("myelind ca token --node beta"))
            beta.run("chmod 0600 /etc/myelin/join.token")
        configuration = [machine.run("cat /etc/myelin/node.yaml"), own[machine], "\n", STORE.format(address=alpha.address)]
        machine.write("/etc/myelin/node.yaml", "".join(configuration))
        machine.run("systemctl restart myelind.service")
    beta.wait(lambda: beta.run("myelinctl check", check=False)[1].find(f"answers at {authority}") >= 0, 20, "it has joined")


def enrol(alpha, beta):
    alpha.write("/etc/systemd/system/caller.service", CALLER)
    alpha.write("/etc/systemd/system/stranger.service", STRANGER)
    alpha.write("/etc/systemd/system/near.service", ECHO.format(port=7001))
    beta.write("/etc/systemd/system/echo.service", ECHO.format(port=7000))
    beta.write("/etc/nginx/sites-enabled/default", NGINX)
    for machine in (alpha, beta):
        machine.run("systemctl daemon-reload")
        machine.write("/etc/myelin/policy/caller.yaml", "allow: [web, echo, near]\n")
        machine.write("/etc/myelin/policy/stranger.yaml", "allow: []\n")
    dry = beta.run("myelinctl enrol nginx.service --service web --port 8080 --protocol http --dry-run")
    expect("would write" in dry and "enrolled" not in beta.run("ls /etc/myelin/registry"), "a dry run wrote something")
    beta.run("myelinctl enrol nginx.service --service web --port 8080 --protocol http")
    beta.run("myelinctl enrol echo.service --service echo --port 7000 --protocol tcp --slice")
    alpha.run("myelinctl enrol caller.service --service caller --port 9000")
    alpha.run("myelinctl enrol stranger.service --service stranger --port 9001")
    alpha.run("myelinctl enrol near.service --service near --port 7001 --protocol tcp")
    again = alpha.run("myelinctl enrol near.service --service near --port 7001 --protocol tcp")
    expect("written" not in again and again.count("unchanged") == 3, f"a second enrolment is not the same:\n{again}")
    code, refused = alpha.run("myelinctl enrol nowhere.service --service nowhere --port 1", check=False)
    expect(code == 1 and "has no unit" in refused, f"a unit that does not exist was enrolled:\n{refused}")
    beta.run("systemctl start nginx.service echo.service")
    alpha.run("systemctl start near.service")
    for machine, count in ((alpha, 1), (beta, 2)):
        machine.wait(lambda: machine.run("myelinctl workloads").count("captured") == count, 10, "its units are captured")


def call(alpha, beta):
    for service in ("web", "echo"):
        alpha.wait(lambda: beta.address in alpha.run(f"myelinctl endpoints {service}"), 10, f"alpha knows where {service} is")
    alpha.run("systemctl start caller.service")
    alpha.wait(lambda: counts(alpha) and all(entry["ok"] > 20 for entry in counts(alpha).values()), 20, f"load of every kind: {counts(alpha)}")
    alpha.run("systemctl start stranger.service", check=False)
    result = alpha.run("systemctl show -P Result stranger.service").strip()
    expect(result == "exit-code", f"a stranger got through: {result}")
    alpha.wait(lambda: "stranger" in alpha.run("myelinctl flows --denied"), 5, "its refusal is told of")
    code, text = alpha.run(f"curl -sS --max-time 3 http://{beta.address}:8080/", check=False)
    expect(code != 0, f"plaintext from outside the mesh came through:\n{text}")


def counts(machine):
    text = machine.run("cat /run/load.json 2>/dev/null", check=False)[1]
    return json.loads(text) if text else {}


def under_load(alpha, what, act, settle=4.0):
    """Acts while requests go on; every kind of load goes on after it, and nothing of it fails."""
    alpha.run("systemctl restart caller.service; rm -f /run/load.json")
    alpha.wait(lambda: counts(alpha) and all(entry["ok"] > 20 for entry in counts(alpha).values()), 20, "load before")
    start = time.monotonic()
    act()
    took = time.monotonic() - start
    time.sleep(settle)
    before = counts(alpha)
    alpha.wait(lambda: all(counts(alpha)[kind]["ok"] > entry["ok"] + 20 for kind, entry in before.items()), 20, "load after")
    after = counts(alpha)
    line = ", ".join(f"{kind}: {e['ok']} ok {e['again']} again {e['failed']} failed, slowest {e['slowest']:.2f} s" for kind, e in after.items())
    say(f"{what} ({took:.1f} s): {line}")
    for kind, entry in after.items():
        expect(not lenient(what, kind) and entry["failed"] == 0 or lenient(what, kind) and no_refusal(entry),
               f"{what}: {kind} failed: {entry['failures']}")
        expect(entry["slowest"] < SLOWEST, f"{what}: {kind} took {entry['slowest']} s")


def lenient(what, kind):
    """A daemon that is killed takes the connections with it that it carries; new ones wait."""
    return "kill" in what


def no_refusal(entry):
    return not any("Refused" in text or "timed out" in text or "PermissionError" in text for text in entry["failures"])


def pid(machine):
    return machine.run("systemctl show -P MainPID myelind.service").strip()


def killed(machine):
    old = pid(machine)
    machine.run(f"kill -KILL {old}")
    machine.wait(lambda: pid(machine) not in (old, "0") and
                 machine.run("systemctl is-active myelind.service", check=False)[1].strip() == "active", 20, "systemd starts it again")


def watched(machine):
    """A daemon that hangs is replaced."""
    machine.write("/etc/systemd/system/myelind.service.d/test.conf", "[Service]\nWatchdogSec=2s\n")
    machine.run("systemctl daemon-reload; systemctl restart myelind.service")
    time.sleep(5)
    old = pid(machine)
    expect(machine.run("systemctl show -P NRestarts myelind.service").strip() == "0", "a daemon that is well was restarted")
    machine.run(f"kill -STOP {old}")
    machine.wait(lambda: pid(machine) not in (old, "0"), 20, "the watchdog replaces a daemon that hangs")
    machine.run("rm -r /etc/systemd/system/myelind.service.d; systemctl daemon-reload; systemctl restart myelind.service")


def remove(alpha, beta):
    alpha.run("systemctl stop caller.service")
    said = alpha.run("myelinctl withdraw caller.service")
    expect("removed" in said, said)
    expect("unchanged" in alpha.run("myelinctl withdraw caller.service"), "withdrawing twice is not the same")
    beta.run("dpkg -r myelin")
    alpha.wait(lambda: beta.address not in alpha.run("myelinctl endpoints web"), 15, "what it announced ends with its lease")
    expect(beta.run("ls /sys/fs/bpf | grep -v debug", check=False)[1].strip() == "", "kernel programs were left behind")
    expect(beta.run("ls /etc/systemd/system/*.d/50-myelin.conf 2>/dev/null", check=False)[1].strip() == "", "drop-ins were left behind")
    expect(beta.run("ls /etc/myelin/registry").strip() != "", "removing the package took the configuration")
    beta.run("systemctl restart nginx.service && curl -sSf --max-time 3 http://127.0.0.1:8080/")
    beta.run("dpkg -P myelin")
    left = beta.run("ls -d /etc/myelin /var/lib/myelin /run/myelin /usr/lib/myelin /var/log/myelin 2>/dev/null", check=False)[1]
    expect(left.strip() == "", f"purging left {left}")
    expect(beta.run("systemctl list-unit-files 'myelin*' --no-legend", check=False)[1].strip() == "", "units were left behind")


def upgraded(machine):
    old = pid(machine)
    machine.run("dpkg -i /mnt/second.deb")
    expect(pid(machine) not in (old, "0"), "the upgrade did not restart the daemon")
    machine.wait(lambda: machine.run("systemctl is-active myelind.service", check=False)[1].strip() == "active", 20, "the new one is active")


def main():
    files = f"{BASE}/files"
    alpha = Machine("alpha", rootfs, "10.89.7.1", files)
    beta = Machine("beta", rootfs, "10.89.7.2", files)
    try:
        join((alpha, beta))
        os.makedirs(files, exist_ok=True)
        for source, name in ((package, "first.deb"), (upgrade, "second.deb"), (f"{here}/load.py", ""), (f"{here}/echo.py", "")):
            shell(f"cp {source} {files}/{name}")
        for machine in (alpha, beta):
            machine.boot()
        say("two machines with systemd are up")
        for machine in (alpha, beta):
            install(machine)
        say("the package is installed: units verified, exposure below the threshold, journal has priorities")
        unite(alpha, beta)
        say("one is the authority, the other has joined with a token; etcd tells both what runs where")
        enrol(alpha, beta)
        call(alpha, beta)
        say("enrolled units call each other, a stranger and plaintext are refused")
        # The second one begins while connections are still moving from the first.
        restart = "systemctl restart myelind.service; sleep 1; systemctl restart myelind.service; sleep 1; systemctl restart myelind.service"
        under_load(alpha, "three restarts of the caller's daemon", lambda: alpha.run(restart))
        under_load(alpha, "three restarts of the callee's daemon", lambda: beta.run(restart))
        under_load(alpha, "kill of the caller's daemon", lambda: killed(alpha))
        under_load(alpha, "kill of the callee's daemon", lambda: killed(beta))
        under_load(alpha, "upgrade of the caller's package", lambda: upgraded(alpha))
        under_load(alpha, "upgrade of the callee's package", lambda: upgraded(beta))
        watched(beta)
        say("a daemon that hangs is replaced")
        remove(alpha, beta)
        say("removed and purged: nothing is left")
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        if os.environ.get("KEEP") == "1":
            input("machines stay up until Enter: ")
        sys.exit(1)
    finally:
        for machine in (alpha, beta):
            machine.halt()
        for machine in (alpha, beta):
            machine.clean()
        unjoin((alpha, beta))


began = time.monotonic()
main()
