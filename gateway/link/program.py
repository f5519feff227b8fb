"""What a board says it runs in, what of it is in no release out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gateway.link.description import ProgramPart

_PATIENCE_US = 15_000_000  # three HELLOs


class KnownFirmware:
    """The files of all releases that this gateway knows.

    Parameters
    ----------
    versions : of firmware
    modules : the first 16 hex digits of the SHA-256 of every file that is a module, by the module's name
    """

    def __init__(self, versions: Collection[str], modules: Mapping[str, Collection[str]]) -> None:
        self._versions = frozenset(versions)
        self._modules = {name: frozenset(hashes) for name, hashes in modules.items()}

    def strange(self, modules: Mapping[str, str]) -> list[str]:
        """Names of the modules that are in no release, and of those that every release has and the board does not.

        One that is frozen into the image has no file whose hash could be told: it is strange too.
        """
        wrong = {name for name, digest in modules.items() if digest not in self._modules.get(name, ())}
        return sorted(wrong | (self._modules.keys() - modules.keys()))

    def is_release(self, version: str) -> bool:
        return version in self._versions


class Program:
    """The modules of one boot, collected from their pieces."""

    def __init__(self, since_us: int) -> None:
        self._since_us = since_us
        self._parts: dict[int, ProgramPart] = {}

    def feed(self, part: ProgramPart) -> None:
        if part.part <= part.parts:
            self._parts[part.part] = part

    @property
    def modules(self) -> dict[str, str] | None:
        """Digest by module; None until every piece has come."""
        parts = list(self._parts.values())
        if not parts or len(parts) < max(part.parts for part in parts):
            return None
        return {name: digest for part in parts for name, digest in part.modules.items()}

    def complaint(self, t_us: int, version: str, known: KnownFirmware) -> str:
        """Why the program is not one of a release, empty if it is or has not been told yet."""
        modules = self.modules
        if not known.is_release(version):
            return f"version {version}"
        if modules is None:
            return "it does not say what runs" if t_us - self._since_us > _PATIENCE_US else ""
        return ", ".join(known.strange(modules)) if modules else "it names no module"
