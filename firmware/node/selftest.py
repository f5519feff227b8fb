"""Known answers of what differs between boards: viper arithmetic and the width of ticks.

Runs on a board (mpremote exec "import node.selftest") and on the unix port; a wrong answer raises.
"""

from time import ticks_add, ticks_diff

from node.frame import CRC_TABLE, put_cobs, put_crc


def expect(what, got, wanted):
    if got != wanted:
        raise ValueError("%s: %s, expected %s" % (what, got, wanted))


def check():
    """Raise at the first wrong answer."""
    body = bytearray(b"123456789....")
    put_crc(body, 9, CRC_TABLE)
    expect("crc", bytes(body[9:]), b"\x26\x39\xf4\xcb")  # the check value of CRC-32: 0xCBF43926
    wire = bytearray(8)
    end = put_cobs(wire, 1, b"\x11\x22\x00\x33", 4)
    expect("cobs", bytes(wire[1:end]), b"\x03\x11\x22\x02\x33\x00")
    expect("ticks_add", ticks_add(0x3FFFFFFF, 1), 0)  # type: ignore[type-var]  # a known answer needs known ticks
    expect("ticks_diff", ticks_diff(5, 0x3FFFFFFB), 10)


check()
