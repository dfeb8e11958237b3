"""What is measured is built as it is shipped: optimised for release, the package with its module stripped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import List, Optional

from harness.workers import NotRun


def build(source: Path, directory: Path, programs: List[str]) -> Path:
    """Builds a source tree and returns the directory with its Python package, for PYTHONPATH. Incremental."""
    tree, package = directory / "tree", directory / "package"
    print(f"building {source.name} for release in {directory}", flush=True)
    benchmarks = "ON" if programs else "OFF"
    log = directory / "build.log"
    directory.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as out:
        for command in (
            ["cmake", "-S", str(source), "-B", str(tree), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
             "-DFLOWLOGS_BUILD_PYTHON=ON", "-DFLOWLOGS_BUILD_TESTS=OFF", "-DFLOWLOGS_INSTALL=OFF",
             f"-DFLOWLOGS_BUILD_BENCHMARKS={benchmarks}", f"-DPython_EXECUTABLE={sys.executable}"],
            ["cmake", "--build", str(tree), "-j", str(os.cpu_count()), "--target", "_core", *programs],
            ["cmake", "--install", str(tree), "--component", "python", "--prefix", str(package), "--strip"],
        ):  # fmt: skip
            if subprocess.run(command, stdout=out, stderr=out).returncode != 0:
                raise SystemExit(f"bench: {' '.join(command[:2])} failed: see {log}")
    shutil.copytree(source / "bindings/python/flowlogs", package / "flowlogs", dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("*.so", "__pycache__"))  # fmt: skip
    return package


def program(directory: Path, name: str) -> Path:
    return directory / "tree/benchmarks" / name


def wheel_bytes(package: Path, directory: Path) -> int:
    """The size of the package as a wheel, which is a zip of it."""
    path = directory / "package.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(package))
    return path.stat().st_size


def vrl(source: Path, directory: Path) -> Path:
    """Builds the Rust peer and returns its program. Raises NotRun where that cannot be done."""
    cargo: Optional[str] = shutil.which("cargo")
    if cargo is None:
        raise NotRun("cargo is not there")
    manifest = source / "benchmarks/peers/vrl/Cargo.toml"
    target = directory / "vrl"
    target.mkdir(parents=True, exist_ok=True)
    log = directory / "vrl.log"
    print("building the peer VRL (minutes, the first time)", flush=True)
    with open(log, "w") as out:
        command = [cargo, "build", "--release", "--manifest-path", str(manifest), "--target-dir", str(target)]
        done = subprocess.run(command, stdout=out, stderr=out)
    if done.returncode != 0:
        raise NotRun(f"cargo could not build it: see {log}")
    return target / "release/vrl-peer"
