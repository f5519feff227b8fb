"""Known answers of what differs between boards: viper arithmetic and the width of ticks.

Asked at every start; HELLO tells the result (docs/wire.md).
"""

from time import ticks_add, ticks_diff

from node.frame import CRC_TABLE, put_cobs, put_crc


def is_passed():
    """Return whether every answer is the known one."""
    body = bytearray(b"123456789....")
    put_crc(body, 9, CRC_TABLE)
    wire = bytearray(8)
    end = put_cobs(wire, 1, b"\x11\x22\x00\x33", 4)
    return (
        body[9:] == b"\x26\x39\xf4\xcb"  # the check value of CRC-32: 0xCBF43926
        and wire[1:end] == b"\x03\x11\x22\x02\x33\x00"
        and ticks_add(0x3FFFFFFF, 1) == 0  # type: ignore[type-var]  # a known answer needs known ticks
        and ticks_diff(5, 0x3FFFFFFB) == 10
    )
