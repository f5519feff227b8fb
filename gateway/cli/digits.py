"""A number in, three lines of block characters out: readable from the door."""

from __future__ import annotations

_GLYPHS = {
    "0": ("█▀█", "█ █", "▀▀▀"),
    "1": (" ▀█", "  █", "  ▀"),
    "2": ("▀▀█", "█▀▀", "▀▀▀"),
    "3": ("▀▀█", " ▀█", "▀▀▀"),
    "4": ("█ █", "▀▀█", "  ▀"),
    "5": ("█▀▀", "▀▀█", "▀▀▀"),
    "6": ("█▀▀", "█▀█", "▀▀▀"),
    "7": ("▀▀█", "  █", "  ▀"),
    "8": ("█▀█", "█▀█", "▀▀▀"),
    "9": ("█▀█", "▀▀█", "▀▀▀"),
    "-": ("   ", "▀▀▀", "   "),
    "/": ("  █", " █ ", "▀  "),
    ".": (" ", " ", "▀"),
    " ": (" ", " ", " "),
}


def big(text: str) -> str:
    """Three lines; every character of ``text`` is one of 0-9, -, /, . and space."""
    return "\n".join(" ".join(_GLYPHS[character][row] for character in text) for row in range(3))
