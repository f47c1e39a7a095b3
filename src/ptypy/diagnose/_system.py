"""What ptypy runs on: versions, MPI, processor, memory, and what could be installed beside it."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from ptypy.utils.processors import count_processors

__all__ = ["describe_system", "system_text"]

LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "h5py", "hdf5plugin", "matplotlib")
"""What it is made with, whatever else its package says that it needs."""

NAME = re.compile(r"[A-Za-z0-9._-]+")
"""Name of a package, as a requirement begins with it."""

FEATURES = ("sse4.2", "avx", "avx2", "fma", "avx512f", "neon", "sve")
"""Features of processors that decide how quick kernels are."""

FILTERS = {"gzip": 1, "lzf": 32000, "blosc": 32001, "lz4": 32004, "bitshuffle": 32008,
           "zfp": 32013, "zstd": 32015, "blosc2": 32026}  # fmt: skip
"""HDF5 filters that detectors use, by their registered number."""

ASK_MPI = (
    "import mpi4py; mpi4py.rc.initialize = False; from mpi4py import MPI; "
    "print(MPI.Get_library_version())"
)
"""Asked in a process of its own: an MPI library that does not fit ends the process it is in."""


def describe_system() -> dict[str, Any]:
    """Gather what belongs into a report of a fault.

    Returns
    -------
    dict
        Plain values that JSON knows, by topic: ``ptypy``, ``python``, ``libraries``, ``hdf5``,
        ``mpi``, ``gpu``, ``processor``, ``memory``, ``compiled_code``, ``optional``.
    """
    import ptypy

    home = Path(str(ptypy.__file__)).parent
    return {
        "ptypy": {"version": ptypy.__version__, "folder": str(home)},
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "program": sys.executable,
            "system": platform.platform(),
        },
        "libraries": _libraries(),
        "hdf5": _hdf5(),
        "mpi": _mpi(),
        "gpu": _gpu(),
        "processor": _processor(),
        "memory": _memory(),
        "compiled_code": _compiled_code(),
        "optional": _optional(),
    }


def _libraries() -> dict[str, str | None]:
    """Give the versions of all that it needs; None for what is missing."""
    names = dict.fromkeys(LIBRARIES)
    for requirement in _requirements():
        if "extra ==" not in requirement and (name := NAME.match(requirement)) is not None:
            names[name[0].lower().replace("_", "-")] = None
    return {name: _version(name) for name in names}


def _requirements() -> list[str]:
    try:
        return metadata.requires("ptypy") or []
    except metadata.PackageNotFoundError:
        return []


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _hdf5() -> dict[str, Any]:
    import h5py

    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401  -- registers its filters
    known = {name: bool(h5py.h5z.filter_avail(code)) for name, code in FILTERS.items()}
    return {
        "version": h5py.version.hdf5_version,
        "filters": [name for name, there in known.items() if there],
        "missing_filters": [name for name, there in known.items() if not there],
    }


def _mpi() -> dict[str, Any]:
    found: dict[str, Any] = {"mpi4py": _version("mpi4py"), "library": None}
    beside = Path(sys.executable).parent / "mpiexec"
    found["mpiexec"] = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found["mpi4py"] is not None:
        found |= _asked([sys.executable, "-c", ASK_MPI], "library")
    return found


def _asked(command: list[str], name: str) -> dict[str, Any]:
    """Run a program; give the first line that it prints, or what went wrong."""
    try:
        done = subprocess.run(  # noqa: S603  -- our own interpreter, or a program found on the path
            command, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {name: None, "trouble": str(error)}
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {name: None, "trouble": last}
    first = re.sub(r"\s+", " ", " ".join(lines[:1]))
    return {name: first}


def _gpu() -> dict[str, Any]:
    """Say honestly that none is used, and which is there."""
    found: dict[str, Any] = {"is_used": False, "devices": []}
    program = shutil.which("nvidia-smi")
    if program is not None:
        names = _asked([program, "--query-gpu=name", "--format=csv,noheader"], "name")["name"]
        found["devices"] = [names] if names else []
    return found


def _processor() -> dict[str, Any]:
    from llvmlite import binding

    from ptypy.accelerate import LANES

    features = binding.get_host_cpu_features()
    asked = os.environ.get("PTYPY_NUM_THREADS", "").strip() or None
    return {
        "name": _processor_name(),
        "code_for": binding.get_host_cpu_name(),
        "features": [name for name in FEATURES if features.get(name)],
        "lanes": LANES,
        "cores": os.cpu_count(),
        "threads": count_processors(),
        "PTYPY_NUM_THREADS": asked,
    }


def _processor_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> dict[str, Any]:
    """Give how much there is, and how much of it is free [byte]; None where nobody says."""
    found: dict[str, Any] = {"total_bytes": None, "free_bytes": None, "limit_bytes": None}
    with contextlib.suppress(OSError, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if ":" in line}
        found["total_bytes"] = sizes.get("MemTotal")
        found["free_bytes"] = sizes.get("MemAvailable")
    if found["total_bytes"] is None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            found["total_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # a container, or a job of Slurm
        found["limit_bytes"] = int(Path("/sys/fs/cgroup/memory.max").read_text())
    return found


def _compiled_code() -> dict[str, Any]:
    from ptypy.accelerate import kernel_store, missing_kernels

    folder = kernel_store()
    return {
        "folder": None if folder is None else str(folder),
        "missing_kernels": len(missing_kernels()),
        "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR"),
    }


def _optional() -> dict[str, Any]:
    """List what extras bring: versions, or None, by extra."""
    found: dict[str, Any] = {}
    for requirement in _requirements():
        extra = re.search(r"""extra\s*==\s*["']([^"']+)["']""", requirement)
        name = NAME.match(requirement)
        if extra is None or name is None or extra[1] == "dev" or name[0] == "ptypy":
            continue
        found.setdefault(extra[1], {})[name[0]] = _version(name[0])
    return found


def system_text(found: dict[str, Any]) -> str:
    """Write what `describe_system` gathered for people: to be pasted into a report of a fault."""
    python, mpi, gpu = found["python"], found["mpi"], found["gpu"]
    processor, memory, code = found["processor"], found["memory"], found["compiled_code"]
    rows = [
        ("ptypy", f"{found['ptypy']['version']}  ({found['ptypy']['folder']})"),
        ("Python", f"{python['version']}  ({python['program']})"),
        ("system", python["system"]),
        *((name, version or "missing") for name, version in found["libraries"].items()),
        ("HDF5", f"{found['hdf5']['version']}, filters {', '.join(found['hdf5']['filters'])}"),
    ]
    if found["hdf5"]["missing_filters"]:
        lost = ", ".join(found["hdf5"]["missing_filters"])
        rows.append(("", f"without {lost}: `pip install -U hdf5plugin` brings them"))
    rows += [("MPI", _mpi_text(mpi)), ("GPU", _gpu_text(gpu))]
    features = ", ".join(processor["features"]) or "no vector features known"
    asked = ", as PTYPY_NUM_THREADS says" if processor["PTYPY_NUM_THREADS"] else ""
    compiled = "all of it is there"
    if code["missing_kernels"]:
        compiled = (
            f"{code['missing_kernels']} kernels not compiled yet: the first run of an engine "
            "compiles those it needs"
        )
    rows += [
        ("processor", f"{processor['name']} ({processor['code_for']})"),
        ("", f"{features}; kernels work on {processor['lanes']} numbers at once"),
        ("threads", f"{processor['threads']} of {processor['cores']} processors{asked}"),
        ("memory", _memory_text(memory)),
        ("compiled code", code["folder"] or "is not kept: no folder can be written to"),
        ("", compiled),
    ]
    lines = [f"{name.ljust(14)}  {text}" for name, text in rows]
    return "\n".join([*lines, "", "optional", *_optional_lines(found["optional"])])


def _mpi_text(mpi: dict[str, Any]) -> str:
    if mpi["mpi4py"] is None:
        return "mpi4py is not installed; runs use one process"
    library = mpi["library"] or f"its library cannot be loaded: {mpi.get('trouble')}"
    started = mpi["mpiexec"] or "no mpiexec was found"
    return f"mpi4py {mpi['mpi4py']}, {library}; {started}"


def _gpu_text(gpu: dict[str, Any]) -> str:
    there = f" ({', '.join(gpu['devices'])} is there)" if gpu["devices"] else ""
    return f"not used: this version calculates on processors alone{there}"


def _memory_text(memory: dict[str, Any]) -> str:
    def size(name: str) -> str:
        return "unknown" if memory[name] is None else f"{memory[name] / 1e9:.1f} GB"

    limit = f", limited to {size('limit_bytes')}" if memory["limit_bytes"] else ""
    return f"{size('total_bytes')}, {size('free_bytes')} free{limit}"


def _optional_lines(optional: dict[str, dict[str, str | None]]) -> list[str]:
    if not optional:
        return ["  unknown: ptypy runs from its sources and is not installed"]
    lines = []
    for extra, packages in optional.items():
        said = ", ".join(f"{name} {version or 'missing'}" for name, version in packages.items())
        missing = None in packages.values()
        remedy = f"   pip install 'ptypy[{extra}]'" if missing else ""
        lines.append(f"  {extra.ljust(12)}  {said}{remedy}")
    return lines
