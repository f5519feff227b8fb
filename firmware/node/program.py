"""The board in, the payloads of HELLO out: what it is, each stream, and what runs on it.

What runs is told by each module's hash as its file lies on the flash, and by the sensors' settings. Whatever else of
code lies there is told too: a file of a built-in or frozen module's name is imported in its place.
"""

import hashlib
import json
import os
import sys
from errno import ENOENT

from micropython import const

from node import VERSION, selftest
from node.frame import MAX_PAYLOAD

_HASH_BYTES = const(8)
_PIECE = const(512)
_ENTRY = const(22)  # what a module takes besides its name: the hash, quotes, colon, comma
_ROOM = const(160)  # for modules, in a frame of 224 bytes
_DIRECTORY = const(0x4000)
_DEPTH = const(4)  # directories in one another
_FOREIGN = const(8)  # files named at most
_LONGEST = const(60)  # of their names
_FROZEN = "frozen"
_UNREADABLE = "unreadable"


def describe(board):
    """Return the HELLO payloads: the board, each stream in the order of its number, then what runs."""
    boot = int.from_bytes(board.entropy[:4], "little")
    sensors = [sensor for sensor in (board.optical, board.pressure, board.motion) if sensor]
    descriptions: list[dict[str, object]] = [
        {
            "fw": VERSION,
            "uid": board.uid.hex(),
            "boot": boot,
            "reset": board.reset_cause,
            "streams": len(sensors),
            "selftest": selftest.is_passed(),
        }
    ]
    for sensor in sensors:
        stream: dict[str, object] = {"name": sensor.NAME, "channels": list(sensor.CHANNELS), "unit": sensor.UNIT}
        stream.update({"rate": [sensor.rate_hz, 1], "full": sensor.FULL, "offset": sensor.OFFSET, "num": sensor.NUM})
        stream.update({"den": sensor.DEN, "format": "u24be", "part": sensor.PART, "boot": boot})
        descriptions.append(stream)
    payloads = [json.dumps(fields, separators=(",", ":")).encode() for fields in descriptions]
    payloads += _tell_program(boot, [sensor for sensor in (board.optical, board.motion) if sensor])
    # The encoder copies whatever length it is told; what is sent is bounded here, once.
    longest = [len(payload) for payload in payloads]
    longest += [len(sensor.samples) for sensor in (board.optical, board.motion) if sensor]
    if max(longest) > MAX_PAYLOAD:
        raise ValueError("payload of %d bytes, expected at most %d" % (max(longest), MAX_PAYLOAD))
    return payloads


def _tell_program(boot, sensors):
    """Return the payloads of HELLO for stream 255.

    Parameters
    ----------
    sensors : those with a configuration, (register, value) pairs
    """
    names = sorted(name for name in sys.modules if name == "main" or name.split(".")[0] == "node")
    if "main" not in names:
        names.insert(0, "main")  # what the board starts by itself is no module
    found = [(name, _hash(_path(name))) for name in names]
    found += [(_plain(path), _hash(path)) for path in _foreign({_path(name) for name in names})]
    pieces: list[dict[str, object]] = []
    modules: dict[str, str] = {}
    room = 0
    for name, digest in found:
        room -= len(name) + _ENTRY
        if room < 0:
            modules = {}
            pieces.append({"modules": modules})
            room = _ROOM - len(name) - _ENTRY
        modules[name] = digest
    pieces.append({"registers": {sensor.NAME: _pairs(sensor.settings()) for sensor in sensors}})
    payloads = []
    for k, piece in enumerate(pieces):
        piece.update({"boot": boot, "part": k + 1, "parts": len(pieces)})
        payloads.append(json.dumps(piece, separators=(",", ":")).encode())
    return payloads


def _path(name):
    return getattr(sys.modules.get(name), "__file__", "main.py")


def _plain(path):
    """Return the end of a path in letters that JSON leaves as they are: a frame has room for no more."""
    return "".join([c if "!" <= c <= "~" and c not in '"\\' else "?" for c in path[-_LONGEST:]])


def _foreign(known):
    """Return the paths of code on the flash that is none of the known files, the first few of them."""
    found: list[str] = []
    directories = [("", 0)]
    while directories and len(found) < _FOREIGN:
        directory, depth = directories.pop()
        try:
            for entry in os.ilistdir(directory[:-1]):
                path = directory + entry[0]
                if entry[1] == _DIRECTORY:
                    if depth < _DEPTH:
                        directories.append((path + "/", depth + 1))
                elif (
                    path.split(".")[-1] in ("py", "mpy")
                    and path not in known
                    and "/" + path not in known
                    and len(found) < _FOREIGN
                ):
                    found.append(path)
        except OSError:  # what cannot be listed cannot be imported
            continue
        except ValueError:  # a name that is no UTF-8: nobody knows what else is there
            found.append(directory + "?")
    return found


def _hash(path):
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
