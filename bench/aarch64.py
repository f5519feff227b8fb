"""The fixed input on an emulated 64-bit Arm processor, as a Raspberry Pi has one; `make campaign-aarch64`.

Debian's Python for arm64 and the arm64 wheels of the versions in constraints.txt go into the folder .aarch64, and so
does Debian's qemu-user-static: nothing is installed, and nothing of this machine is used but apt's sources, its keys
and the kernel. Prints both lines of bench/bits.py; exit code 1 if they differ.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".aarch64"
SYSTEM, SITE, PACKAGES, EMULATOR = (FOLDER / name for name in ("system", "site", "packages", "emulator"))
DEBIAN = ("python3.11", "libstdc++6", "libgcc-s1", "zlib1g")  # and whatever they depend on
WHEELS = ("numba", "numpy")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")


def say(line):
    print(line, file=sys.stderr, flush=True)


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise SystemExit(f"aarch64: {command[0]} failed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    return done.stdout


def apt(*command, architecture):
    """Run apt-get with a state of its own, in which nothing is installed, for another architecture."""
    state = PACKAGES / architecture
    for name in ("lists/partial", "archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "Dir::Cache::archives": state / "archives",
        "Debug::NoLocking": "1",
    }
    run("apt-get", "-q", *(f"--option={name}={value}" for name, value in options.items()), *command)
    return sorted((state / "archives").glob("*.deb"))


def unpack_debian():
    for architecture, folder, names in (("arm64", SYSTEM, DEBIAN), ("amd64", EMULATOR, ("qemu-user-static",))):
        if (folder / "usr").is_dir():
            continue
        say(f"Debian's packages for {architecture} ...")
        apt("update", architecture=architecture)
        wanted = ("install", "--download-only", "--yes", "--no-install-recommends", *names)
        for package in apt(*wanted, architecture=architecture):
            run("dpkg-deb", "--extract", package, folder)


def unpack_wheels():
    if SITE.is_dir():
        return
    say("wheels for aarch64 ...")
    platforms = [f"--platform={name}" for name in PLATFORMS]
    options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--python-version=3.11"]
    constraints = ROOT / "constraints.txt"
    part = FOLDER / "site.part"
    shutil.rmtree(part, ignore_errors=True)
    run(sys.executable, "-m", "pip", "install", *options, *platforms, "-c", constraints, "--target", part, *WHEELS)
    part.rename(SITE)


def emulated():
    """The line of bench/bits.py under emulation, and how long it took, seconds."""
    emulator = EMULATOR / "usr" / "bin" / "qemu-aarch64-static"
    python = SYSTEM / "usr" / "bin" / "python3.11"
    variables = {
        "PYTHONPATH": f"{SITE}:{ROOT}",
        "PYTHONHOME": f"{SYSTEM}/usr",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(FOLDER / "cache"),
    }
    command = [emulator, "-L", SYSTEM, python, "-W", "ignore", ROOT / "bench" / "bits.py"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "NUMBA", "LD_"))}
    start = time.monotonic()
    line = run(*command, env={**environment, **variables}).strip()
    return line, time.monotonic() - start


def main():
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        print("aarch64: expected Debian's apt-get and dpkg-deb, which fetch the emulated system")
        return 2
    FOLDER.mkdir(exist_ok=True)
    unpack_debian()
    unpack_wheels()
    native = run(sys.executable, ROOT / "bench" / "bits.py").strip()
    say("the fixed input under emulation; compiling takes a minute or two ...")
    line, seconds = emulated()
    verdict = "equal" if line == native else "DIFFERENT"
    print(f"this machine    {native}\naarch64 (qemu)  {line}")
    print(f"{verdict}, {seconds:.0f} s under emulation")
    return int(line != native)


if __name__ == "__main__":
    sys.exit(main())
