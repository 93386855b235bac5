"""A Slurm of one node on loopback, an ordinary user, and projects that this user runs on it.

Slurm's own daemons, with their own munge key, ports and folder; its GPUs are
only counted. It needs root, because slurmd starts jobs as their user.
"""

import fcntl
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import small_run

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
USER = "cxrnoise-slurm"
PREFIX = "cxrnoise-slurm-"
# Snakemake's job steps drop the variable that names another file than this.
SLURM_CONF = Path("/etc/slurm/slurm.conf")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONFIGURATION = """
ClusterName=cxrnoise
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits until its old credential has expired.
AuthInfo=socket={folder}/munge.socket,cred_expire=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobcomp.log
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
# Believe the node's line below and not the hardware.
SlurmdParameters=config_overrides
ReturnToService=2
# Only what asks for it is requeued.
JobRequeue=0
MinJobAge=86400
KillWait=2
BatchStartTimeout={start_timeout}
MessageTimeout={message_timeout}
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=64 RealMemory=262144 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
# In seconds. A lost job is noticed when its node comes back, if it was last seen there longer ago
# than their sum; if not, only some minutes later.
TIMEOUTS = {"start_timeout": 1, "message_timeout": 5}
# One level and folder of phantoms, trainings that last, and GPUs to ask for.
LEVELS = "noise_levels: [8]"
TINY = (
    small_run.TINY.replace("noise_levels: [0, 8]", LEVELS)
    .replace("parts: 2", "parts: 1")
    .replace("epochs: 4,", "epochs: 40,")
    .replace("gpus: 0", "gpus: 1")
)


class Cluster:
    """A running Slurm with `gpus` GPUs, and the user who gives it jobs."""

    def __init__(self, gpus: int):
        if SLURM_CONF.is_symlink():  # a killed run's
            _clear(SLURM_CONF.readlink().parent)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.folder.chmod(0o755)
        self._lock = (self.folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._processes = {}
        self._gpus = gpus

    def start(self) -> None:
        """Start Slurm, and let an ordinary user work with it."""
        self._configure()
        _run("useradd", "--no-create-home", "--home-dir", self.folder / "home", USER)
        (self.folder / "home").mkdir()
        shutil.chown(self.folder / "home", USER, USER)
        self.environment = {
            "HOME": str(self.folder / "home"),
            "PATH": PATH,
            "PYTHONDONTWRITEBYTECODE": "1",
            "MPLCONFIGDIR": str(self.folder / "home" / "matplotlib"),
        }
        self._lend_python()
        self._start(
            *("munged", "--foreground", f"--key-file={self.folder}/munge/key"),
            f"--socket={self.folder}/munge.socket",
            *(f"--{kind}-file={self.folder}/munge/{kind}" for kind in ("pid", "log", "seed")),
        )
        wait_until((self.folder / "munge.socket").exists, "munged")
        self._start("slurmctld", "-D", "-f", self.folder / "slurm.conf")
        self.start_node()

    def _configure(self):
        for name in ("state", "spool", "munge"):
            (self.folder / name).mkdir(mode=0o755)
        key = self.folder / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        devices = [self.folder / f"gpu{number}" for number in range(self._gpus)]
        for device in devices:
            device.symlink_to("/dev/null")
        host = socket.gethostname().split(".")[0]
        lines = [f"NodeName={host} Name=gpu File={device}\n" for device in devices]
        (self.folder / "gres.conf").write_text("".join(lines))
        settings = {
            "host": host,
            "folder": self.folder,
            "gpus": self._gpus,
            "ports": _free_ports(2),
            **TIMEOUTS,
        }
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**settings))
        SLURM_CONF.parent.mkdir(exist_ok=True)
        SLURM_CONF.symlink_to(self.folder / "slurm.conf")

    def _lend_python(self):
        """Let the user run this Python; what lies where they may not go is linked to."""
        base = self._within_reach(Path(sys.base_prefix), "base")
        packages = self._within_reach(Path(sysconfig.get_path("purelib")), "packages")
        if base != Path(sys.base_prefix):
            self.environment["LD_LIBRARY_PATH"] = str(base / "lib")
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        lent = self.folder / "python"
        (lent / "bin").mkdir(parents=True)
        (lent / "lib" / version).mkdir(parents=True)
        (lent / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\n")
        (lent / "bin" / "python").symlink_to(base / "bin" / version)
        (lent / "lib" / version / "site-packages").symlink_to(packages)
        self.python = str(lent / "bin" / "python")

    def _within_reach(self, tree, name):
        reachable = ["test", "-r", tree, "-a", "-x", tree]
        if subprocess.run(reachable, env=self.environment, **_as_user()).returncode == 0:
            return tree
        copy = self.folder / name
        linked = subprocess.run(["cp", "-al", tree, copy], stderr=subprocess.DEVNULL)
        if linked.returncode != 0:  # on another file system
            shutil.rmtree(copy, ignore_errors=True)
            _run("cp", "-a", tree, copy)
        return copy

    def _start(self, *command):
        name = command[0]
        with (self.folder / f"{name}.out").open("a") as out:
            self._processes[name] = subprocess.Popen(
                [str(part) for part in command],
                env={"PATH": PATH, "SLURM_CONF": str(self.folder / "slurm.conf")},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def start_node(self):
        """Start slurmd and wait until it takes jobs."""
        self._start("slurmd", "-D", "-f", self.folder / "slurm.conf")
        wait_until(self._ready, "slurmd")

    def _ready(self):
        for name, process in self._processes.items():
            if process.poll() is not None:
                out = (self.folder / f"{name}.out").read_text()
                raise RuntimeError(f"{name} ended: {out[-2000:]}")
        return self.slurm("sinfo", "-h", "-o", "%t").strip() in ("idle", "mix", "alloc")

    def restart_node(self, lost_job: str | None = None) -> None:
        """Kill the node's daemon, and all that runs there for a lost job; start it again."""
        self._processes["slurmd"].kill()
        self._processes["slurmd"].wait()
        if lost_job:
            for pid in _processes(self.folder, lost_job):
                _kill(pid)
            time.sleep(sum(TIMEOUTS.values()) + 2)
        self.start_node()

    def slurm(self, *command) -> str:
        """Return what a command of Slurm prints; nothing where it fails."""
        done = subprocess.run(
            command,
            env={"PATH": PATH},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """Return Slurm's record of each job, with the rule that it is for as `Rule`."""
        jobs = _records(self.slurm("scontrol", "show", "job", "--all", "--oneliner"))
        for job in jobs:
            job["Rule"] = re.match(r"rule_([a-z0-9_]+?)(_wildcards_|$)", job["Comment"])[1]
        return jobs

    def completed(self) -> list[dict[str, str]]:
        """Return the entries of Slurm's log: one for each time that a job ended."""
        return _records((self.folder / "jobcomp.log").read_text())

    def state(self) -> str:
        """Return what Slurm says of its node and jobs, and the last that its daemons logged."""
        logs = [(self.folder / f"{name}.log").read_text() for name in ("slurmctld", "slurmd")]
        shown = [self.slurm("scontrol", "show", "node"), self.slurm("squeue", "--long")]
        return "\n".join([*shown, *(log[-4000:] for log in logs)])

    def stop(self):
        """Stop what was started, and leave no trace."""
        if "slurmctld" in self._processes and self._processes["slurmctld"].poll() is None:
            self.slurm("scancel", "--user", USER)
            with suppress(TimeoutError):
                wait_until(lambda: not self.slurm("squeue", "-h").strip(), "the last job", 15)
        for process in reversed(self._processes.values()):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._lock.close()
        _clear(self.folder)


class Project:
    """A copy of the workflow in a folder of the user's own."""

    def __init__(self, cluster: Cluster, name: str, configuration: str):
        self.cluster = cluster
        self.folder = cluster.folder / "home" / name
        if not self.folder.exists():
            small_run.copy_workflow(self.folder, configuration)
            _run("chown", "-R", f"{USER}:{USER}", self.folder)

    def copied(self, name: str) -> "Project":
        """Return a copy with everything that has been made."""
        _run("cp", "-a", self.folder, self.folder.with_name(name))
        return Project(self.cluster, name, "")

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake with the profile for Slurm, and what this small cluster needs."""
        command = [self.cluster.python, "-m", "snakemake", "--workflow-profile", "slurm"]
        command += ["--configfile", "tiny.yaml", "--slurm-status-command", "squeue"]
        command += ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10"]
        with (self.folder / "snakemake.out").open("a") as out:
            return subprocess.Popen(
                [*command, *arguments],
                cwd=self.folder,
                env=self.cluster.environment,
                stdout=out,
                stderr=out,
                **_as_user(),
            )

    def finish(self, running: subprocess.Popen, minutes: float = 8) -> None:
        """Wait for a started Snakemake, which must succeed."""
        try:
            status = running.wait(60 * minutes)
        except subprocess.TimeoutExpired:
            status = f"still running after {minutes} minutes"
        assert status == 0, f"{status}\n{self.output()[-5000:]}\n{self.cluster.state()}"

    def run(self, *arguments: str, **limit: float) -> None:
        self.finish(self.start(*arguments), **limit)

    def jobs(self) -> list[dict[str, str]]:
        """Return Slurm's record of the jobs of this project."""
        return [job for job in self.cluster.jobs() if job["WorkDir"] == str(self.folder)]

    def output(self) -> str:
        """Return what Snakemake has printed so far."""
        return self.read("snakemake.out")

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()


def holds_gpu(job: dict[str, str]) -> bool:
    """Return whether a job was given a GPU."""
    return "gpu" in job.get("TresPerJob", "")


def wait_until(condition, what: str, seconds: float = 60) -> None:
    """Wait until `condition()` is true; raise `TimeoutError` when that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.1)


def reason_to_skip() -> str | None:
    """Return why no cluster can be started here, if so."""
    if os.geteuid() != 0:
        return "needs root: slurmd starts jobs as their user"
    missing = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    if missing:
        return f"needs Slurm ({', '.join(missing)} not found): run make test-slurm"
    if SLURM_CONF.is_symlink() and SLURM_CONF.readlink().parent.name.startswith(PREFIX):
        return "is running already, in another process" if _in_use() else None
    if SLURM_CONF.exists() or SLURM_CONF.is_symlink():
        return f"{SLURM_CONF} is that of another Slurm: run this on a machine without one"
    return None


def _in_use():
    """Return whether a live process holds the cluster that `slurm.conf` is linked to."""
    lock = SLURM_CONF.readlink().with_name("lock")
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _clear(folder):
    """End every process of the cluster in `folder`; remove the user, the link and the folder."""
    for pid in _processes(folder):
        _kill(pid)
    wait_until(lambda: not _processes(folder), "the last process", 10)
    with suppress(KeyError):
        pwd.getpwnam(USER)
        _run("userdel", USER)
    SLURM_CONF.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _processes(folder, job=None):
    """Return the processes with the folder in their command or environment, or those of a job."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
            if job:
                belongs = command.startswith(b"slurmstepd: [%s." % job.encode())
                belongs |= b"SLURM_JOB_ID=%s\0" % job.encode() in environment
            else:
                belongs = os.fsencode(folder) in command + environment
            if belongs:
                found.append(int(process.name))
    return found


def _records(text):
    records = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in text.splitlines()]
    return [record for record in records if "JobId" in record]


def _kill(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _free_ports(number):
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("", 0))
        return [one.getsockname()[1] for one in sockets]


def _as_user():
    return {"user": USER, "group": USER, "extra_groups": []}


def _run(*command):
    subprocess.run([str(part) for part in command], check=True)
