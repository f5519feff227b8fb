"""The public contract as an AsyncAPI 3 document, made of the types that the code itself uses.

``python -m gateway.asyncapi > docs/asyncapi.yaml`` writes it; a test holds the file and the delivery against the code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import msgspec

from gateway import payloads
from gateway.messages import ID_PATTERN
from gateway.requests import REQUESTS, ReceiptMessage

_ROOT = "chairside/v1/{site}/{chair}/"
_REF = "#/components/schemas/{name}"
_ID = {"description": f"matches {ID_PATTERN}"}
_PARAMETERS = {
    "site": _ID,
    "chair": _ID,
    "condition": {"description": "an alarm condition"},
    "priority": {"enum": ["low", "medium", "high"]},
    "client": {"description": f"who sends it, as the broker enforces it; matches {ID_PATTERN}"},
    "id": {"description": "the id of the request"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How one kind of message leaves the gateway."""

    leaf: str
    payload: type[msgspec.Struct]
    qos: int = 0
    is_retained: bool = False
    expiry_s: int | None = None


SENT = (
    Sent(leaf="status", payload=payloads.Status, qos=1, is_retained=True),
    Sent(leaf="heartbeat", payload=payloads.Heartbeat, expiry_s=3),
    Sent(leaf="vitals", payload=payloads.Vitals, expiry_s=5),
    Sent(leaf="beats", payload=payloads.BeatMessage),
    Sent(leaf="alarms/{condition}", payload=payloads.AlarmDocument, qos=1, is_retained=True),
    Sent(leaf="alerts/{priority}", payload=payloads.Alert, qos=1),
    Sent(leaf="alarm-system", payload=payloads.AlarmSystem, expiry_s=3),
    Sent(leaf="self-check", payload=payloads.SelfCheckMessage, qos=1, expiry_s=60),
    Sent(leaf="session", payload=payloads.SessionMessage, qos=1, is_retained=True),
    Sent(leaf="reply/{id}", payload=payloads.Reply, qos=1, expiry_s=60),
)
RECEIVED: dict[str, type[msgspec.Struct]] = {
    **{f"cmd/{{client}}/{verb.value}": kind for verb, kind in REQUESTS.items()},
    "receipt/{client}": ReceiptMessage,
}


def document() -> dict[str, Any]:
    """The whole contract."""
    kinds = [*(one.payload for one in SENT), *RECEIVED.values()]
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_REF)
    channels, operations = {}, {}
    for one in SENT:
        channels[_name(one.leaf)] = _channel(one.leaf, one.payload)
        mqtt: dict[str, Any] = {"qos": one.qos, "retain": one.is_retained, "bindingVersion": "0.2.0"}
        if one.expiry_s is not None:
            mqtt["messageExpiryInterval"] = one.expiry_s
        operations[f"send-{_name(one.leaf)}"] = _operation("send", one.leaf, mqtt)
    for leaf, kind in RECEIVED.items():
        channels[_name(leaf)] = _channel(leaf, kind)
        mqtt = {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}
        operations[f"receive-{_name(leaf)}"] = _operation("receive", leaf, mqtt)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Chairside",
            "version": version("chairside"),
            "description": "What a treatment chair publishes, and what a client may ask of it; rules in mqtt.md.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas},
    }


def yaml_text() -> str:
    """The document as it stands in docs/."""
    return "\n".join(_lines(document(), 0)) + "\n"


def _name(leaf: str) -> str:
    return "-".join(level for level in leaf.split("/") if not level.startswith("{"))


def _channel(leaf: str, payload: type[msgspec.Struct]) -> dict[str, Any]:
    address = _ROOT + leaf
    return {
        "address": address,
        "parameters": {name: value for name, value in _PARAMETERS.items() if f"{{{name}}}" in address},
        "messages": {payload.__name__: {"payload": {"$ref": _REF.format(name=payload.__name__)}}},
    }


def _operation(action: str, leaf: str, mqtt: dict[str, Any]) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{_name(leaf)}"}, "bindings": {"mqtt": mqtt}}


def _lines(value: Any, depth: int) -> Iterator[str]:
    """YAML of mappings, lists and scalars; strings are quoted as in JSON, which YAML is a superset of."""
    indent = "  " * depth
    items = value.items() if isinstance(value, dict) else ((None, one) for one in value)
    for key, one in items:
        head = f"{indent}-" if key is None else f"{indent}{json.dumps(str(key), ensure_ascii=False)}:"
        if isinstance(one, dict | list) and one:
            yield head
            yield from _lines(one, depth + 1)
        else:
            yield f"{head} {json.dumps(one, ensure_ascii=False)}"


if __name__ == "__main__":
    sys.stdout.write(yaml_text())
