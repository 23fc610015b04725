"""A machine with systemd: booted in nspawn, with a network of its own, a bpffs of its own and a cgroup of its own. Nothing of it is left."""
import os
import shutil
import signal
import subprocess
import time

BASE = "/run/myelin-systemd-test"


class Failure(Exception):
    pass


def shell(command, check=True):
    result = subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check and result.returncode:
        raise Failure(f"{command}\n{result.stdout}")
    return result.stdout


def hierarchies():
    """Where cgroups of the hierarchies that systemd uses are made: v2, and beside it the named one where the machine has both."""
    found = []
    for line in open("/proc/self/mounts"):
        fields = line.split()
        if fields[2] == "cgroup2" or (fields[2] == "cgroup" and "name=systemd" in fields[3].split(",")):
            found.append(fields[1])
    return found


class Machine:
    def __init__(self, name, rootfs, address, files):
        self.name, self.rootfs, self.address, self.files = name, rootfs, address, files
        self.bpf = f"{BASE}/{name}/bpf"
        self.cgroups = [f"{mount}/myelin-systemd-test/{name}" for mount in hierarchies()]

    def boot(self):
        os.makedirs(self.bpf, exist_ok=True)
        shell(f"mount -t bpf bpf {self.bpf}")
        for cgroup in self.cgroups:
            os.makedirs(cgroup, exist_ok=True)

        def enter():
            os.setsid()
            for cgroup in self.cgroups:
                with open(cgroup + "/cgroup.procs", "w") as file:
                    file.write(str(os.getpid()))

        self.log = open(f"{BASE}/{self.name}/console", "w")
        # bpf(2) and setns(2) are the daemon's trade: its unit filters calls, the machine around it does not.
        environment = dict(os.environ, SYSTEMD_SECCOMP="0", SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1", SYSTEMD_NSPAWN_LOCK="0")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--volatile=overlay", "-D", self.rootfs,
             "--machine=" + self.name, "--network-namespace-path=/run/netns/myelin-" + self.name, "--capability=all",
             f"--bind={self.bpf}:/sys/fs/bpf", f"--bind-ro={self.files}:/mnt", "--link-journal=no", "--console=pipe"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=enter, env=environment)
        self.leader = None
        self.wait(self.is_running, 60, "boot")

    def is_running(self):
        children = open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split()
        if not children:
            return False
        self.leader = int(children[0])
        state = subprocess.run(self.enter() + ["systemctl", "is-system-running"], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return state.stdout.strip() in ("running", "degraded")

    def enter(self):
        return ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--"]

    def run(self, command, check=True):
        """In the machine, outside of every unit: as somebody of the host would."""
        result = subprocess.run(
            self.enter() + ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb",
                            "DEBIAN_FRONTEND=noninteractive", "sh", "-c", command],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        if check and result.returncode:
            raise Failure(f"{self.name}: {command}: status {result.returncode}\n{result.stdout}\n{self.journal()}")
        return result.stdout if check else (result.returncode, result.stdout)

    def write(self, path, text):
        subprocess.run(self.enter() + ["sh", "-c", f"mkdir -p $(dirname {path}) && cat >{path}"], input=text, text=True, check=True)

    def journal(self, unit="myelind.service", lines=15):
        return self.run(f"journalctl -q -u {unit} -n {lines} -o cat --no-pager", check=False)[1]

    def wait(self, condition, seconds, what):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure(f"{self.name} ended: {open(self.log.name).read()[-2000:]}")
            if condition():
                return
            time.sleep(0.05)
        raise Failure(f"{self.name}: {what}: not within {seconds} s\n{self.journal() if self.leader else ''}")

    def halt(self):
        if not hasattr(self, "process"):
            return
        # SIGRTMIN+4 of the first process: power off.
        if self.leader and self.process.poll() is None:
            os.kill(self.leader, signal.SIGRTMIN + 4)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.kill(self.leader, signal.SIGKILL)
        if self.process.poll() is None:
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def clean(self):
        shell(f"umount {self.bpf}", check=False)
        for cgroup in self.cgroups:
            for directory, _, _ in os.walk(cgroup, topdown=False):
                try:
                    os.rmdir(directory)
                except OSError:
                    pass
            try:
                os.rmdir(os.path.dirname(cgroup))
            except OSError:
                pass


def join(machines):
    """A cable between two machines."""
    first, second = machines
    unjoin(machines)
    for machine in machines:
        shell(f"ip netns add myelin-{machine.name}")
    shell(f"ip link add eth0 netns myelin-{first.name} type veth peer name eth0 netns myelin-{second.name}")
    for machine in machines:
        shell(f"ip -n myelin-{machine.name} addr add {machine.address}/24 dev eth0")
        shell(f"ip -n myelin-{machine.name} link set eth0 up")
        shell(f"ip -n myelin-{machine.name} link set lo up")


def unjoin(machines):
    for machine in machines:
        shell(f"ip netns del myelin-{machine.name}", check=False)
    shutil.rmtree(BASE, ignore_errors=True) if not os.path.ismount(machines[0].bpf) else None
