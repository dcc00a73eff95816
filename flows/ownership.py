"""Who holds a lease: this process, on this machine; and whether an owner is still alive."""

import os
import platform
from pathlib import Path


def owner() -> str:
    """A name that no other process has: host, process, and when the process started."""
    return f"{platform.node()}:{os.getpid()}:{_started(os.getpid())}"


def is_dead(name: str) -> bool:
    """True only if the owner ran on this machine and is surely gone."""
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    pid, started = rest, name.rpartition(":")[2]
    if host != platform.node() or not pid.isdigit():
        return False
    return _started(int(pid)) != started


def is_alive(name: str) -> bool:
    """True only if the owner runs on this machine right now."""
    host, _, pid = name.rpartition(":")[0].rpartition(":")
    if host != platform.node() or not pid.isdigit():
        return False
    return _started(int(pid)) == name.rpartition(":")[2]


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks, as a process id alone may be used again.

    Where there is no /proc, a living process answers "alive" and a dead one "gone".
    """
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        return stat.read_text().rpartition(")")[2].split()[19]
    if Path("/proc/self/stat").exists():
        return "gone"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        return "alive"
    return "alive"
