"""What runs on this board, for HELLO: each module's hash as its file lies on the flash, and the sensors' settings."""

import hashlib
import json
import sys
from errno import ENOENT

from micropython import const

_HASH_BYTES = const(8)
_PIECE = const(512)
_ENTRY = const(22)  # what a module takes besides its name: the hash, quotes, colon, comma
_ROOM = const(160)  # for modules, in a frame of 224 bytes
_FROZEN = "frozen"
_UNREADABLE = "unreadable"


def describe(boot, sensors):
    """Return the payloads of HELLO for stream 255.

    Parameters
    ----------
    sensors : those with a configuration, (register, value) pairs
    """
    names = sorted(name for name in sys.modules if name == "main" or name.split(".")[0] == "node")
    if "main" not in names:
        names.insert(0, "main")  # what the board starts by itself is no module
    pieces: list[dict[str, object]] = []
    modules: dict[str, str] = {}
    room = 0
    for name in names:
        room -= len(name) + _ENTRY
        if room < 0:
            modules = {}
            pieces.append({"modules": modules})
            room = _ROOM - len(name) - _ENTRY
        modules[name] = _hash(name)
    pieces.append({"registers": {sensor.NAME: _pairs(sensor.settings()) for sensor in sensors}})
    payloads = []
    for k, piece in enumerate(pieces):
        piece.update({"boot": boot, "part": k + 1, "parts": len(pieces)})
        payloads.append(json.dumps(piece, separators=(",", ":")).encode())
    return payloads


def _hash(name):
    module = sys.modules.get(name)
    path = getattr(module, "__file__", "main.py")
    digest = hashlib.sha256()
    piece = bytearray(_PIECE)
    view = memoryview(piece)
    try:
        with open(path, "rb") as file:
            while True:
                n = file.readinto(piece)
                if not n:
                    break
                digest.update(view[:n])
    except OSError as error:
        return _FROZEN if error.errno == ENOENT else _UNREADABLE  # part of the image: it has no file
    return digest.digest()[:_HASH_BYTES].hex()


def _pairs(settings):
    return "".join("%02x%02x" % pair for pair in settings)
