"""How much memory this process may still take: the machine's, or its control group's where that is less."""

from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def total_memory() -> int:
    """Bytes of the machine, or the limit of the control group (a container's) where that is lower."""
    return min(_meminfo("MemTotal"), _cgroup_number("memory.max", default=1 << 62))


def available_memory() -> int:
    """Bytes that can be taken without swapping."""
    limit = _cgroup_number("memory.max", default=1 << 62)
    left = limit - _cgroup_number("memory.current", default=0) + _cgroup_cache()
    return min(_meminfo("MemAvailable"), left)


def _meminfo(name: str) -> int:
    path = Path("/proc/meminfo")
    if not path.exists():  # not Linux
        import os

        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    line = next(line for line in path.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def _cgroup_number(name: str, default: int) -> int:
    try:
        text = (_CGROUP / name).read_text().strip()
    except OSError:
        return default
    return int(text) if text.isdigit() else default  # "max": no limit


def _cgroup_cache() -> int:
    """File pages that the group holds and the kernel gives back under pressure."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
