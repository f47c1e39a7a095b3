"""The one check command: format, lint, types, import floors, documentation, tests.

Run it as ``python tools/check.py``; CI runs the same lines. ``--fast`` leaves out the tests
that are marked slow.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def steps(fast: bool) -> list[tuple[str, list[str]]]:
    """List every check as (what it looks at, command)."""
    python = sys.executable
    # A few processes share the tests: most of their time goes by in processes they start.
    workers = min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
    tests = [python, "-m", "pytest", "-q", "-n", str(workers), "--dist", "worksteal"]
    if fast:
        tests += ["-m", "not slow"]
    return [
        ("format", [python, "-m", "ruff", "format", "--check", "."]),
        ("lint", [python, "-m", "ruff", "check", "."]),
        ("types", [python, "-m", "mypy"]),
        (
            "import floors",
            [
                python,
                "-c",
                "from importlinter.cli import lint_imports_command; lint_imports_command()",
            ],
        ),
        ("documentation", [python, "-m", "sphinx", "-qW", "-c", "docs", ".", "build/docs"]),
        ("tests and docs' examples", tests),
    ]


def main() -> int:
    """Run every step, even after a failure, and say at the end which failed."""
    fast = "--fast" in sys.argv[1:]
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    failed = []
    for name, command in steps(fast):
        print(f"\n=== {name}", flush=True)
        start = time.perf_counter()
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            failed.append(name)
        print(f"    {time.perf_counter() - start:.1f} s", flush=True)
    print("\nall checks passed" if not failed else f"\nfailed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
