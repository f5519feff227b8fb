"""What a campaign has found, kept until the code that it was found with has changed.

A campaign takes long and runs by itself; bench/figures.py shows what it left, or that there is nothing of this code.
One that can be cut into parts keeps each of them by itself: started again, it goes on where it was interrupted.

python bench/results.py NAME PACKAGES COMMAND...     runs a command; what it prints is kept for NAME, as long as no
                                                     source of the PACKAGES (dsp,hil) changes; exit code of the command
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "results"


class MissingError(Exception):
    """A figure cannot be made here; the text says what would make it."""


def fingerprint(packages):
    """Hash of the sources of some packages, folders or single files."""
    digest = hashlib.sha256()
    places = [ROOT / package for package in packages]
    for path in sorted(path for place in places for path in ([place] if place.is_file() else place.rglob("*.py"))):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def keep(name, lines, packages):
    """Keep the lines of a figure, with the state of the sources that they say something of."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    document = {"packages": packages, "fingerprint": fingerprint(packages), "lines": list(lines)}
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1))


def part(name, key, packages, measure):
    """One part of a campaign: as an earlier run of this code has kept it, else as ``measure()`` finds it now (JSON)."""
    path, now = FOLDER / f"{name}.parts" / f"{key}.json", fingerprint(packages)
    if path.exists():
        document = json.loads(path.read_text())
        if document["fingerprint"] == now:
            return document["found"]
    found = measure()
    if fingerprint(packages) == now:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"packages": packages, "fingerprint": now, "found": found}, indent=1))
    return found


def parts(name):
    """What the parts of an unfinished campaign have found, those of this code."""
    documents = [json.loads(path.read_text()) for path in sorted((FOLDER / f"{name}.parts").glob("*.json"))]
    return [one["found"] for one in documents if one["fingerprint"] == fingerprint(one["packages"])]


def kept(name, command):
    """The lines that a campaign left for this code, else ``MissingError`` with the command that makes them."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        raise MissingError(f"`{command}` has not been run here")
    document = json.loads(path.read_text())
    if document["fingerprint"] != fingerprint(document["packages"]):
        raise MissingError(f"the code has changed since `{command}` was run")
    return document["lines"]


def main():
    name, packages, *command = sys.argv[1:]
    before = fingerprint(packages.split(","))
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if process.returncode:
        lines.append(f"FAILED: exit code {process.returncode}")
    if fingerprint(packages.split(",")) == before:
        keep(name, [line if line.startswith("|") or not line else f"    {line}" for line in lines], packages.split(","))
    else:
        print(f"{name}: not kept, the code has changed meanwhile", file=sys.stderr)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
