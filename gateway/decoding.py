"""Bytes of others in, what they should be out, or one error: msgspec alone may raise three."""

from __future__ import annotations

from typing import TypeVar

import msgspec

_Kind = TypeVar("_Kind")


def decoded(payload: bytes, kind: type[_Kind]) -> _Kind:
    """A payload as what it should be; raise msgspec.DecodeError, and nothing else, where it is not."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except UnicodeDecodeError as error:  # a string that is not UTF-8; msgspec does not make it its own
        raise msgspec.DecodeError(f"expected UTF-8, got byte {error.object[error.start]:#04x}") from None
    except RecursionError:
        raise msgspec.DecodeError("nested too deeply") from None
