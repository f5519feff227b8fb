"""Draw docs/wiring.svg: what is soldered to which pin of the board."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.sax.saxutils import escape

TARGET = Path(__file__).resolve().parent.parent / "docs" / "wiring.svg"
WIDTH, HEIGHT = 1180, 800
POWER, GROUND, DATA, CLOCK, ANALOG, DRIVE = "#c62828", "#222222", "#1565c0", "#6a1b9a", "#2e7d32", "#e65100"
LEFT, RIGHT = 450, 690  # edges of the Pico

LEFT_PINS = [
    (100, "3V3(OUT)  36"), (140, "GND  38"), (180, "GP4 SDA  6"), (220, "GP5 SCL  7"),
    (460, "GP26 ADC0  31"), (500, "AGND  33"), (620, "GP27 ADC1  32"),
]  # fmt: skip
RIGHT_PINS = [
    (100, "21  GP16 red"), (140, "22  GP17 green"), (180, "24  GP18 blue"), (220, "23  GND"), (300, "20  GP15 sound"),
    (335, "18  GND"), (370, "36  3V3(OUT)"),
    (460, "25  GP19 button"), (500, "28  GND"), (580, "40  VBUS"), (660, "39  VSYS"), (720, "3  GND"),
]  # fmt: skip


class Sheet:
    """Collects the pieces of one drawing."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def box(
        self, x: int, y: int, w: int, h: int, title: str, *, fill: str = "#ffffff", lines: tuple[str, ...] = ()
    ) -> None:
        self._pieces.append(
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="6" fill="{fill}" stroke="#333" stroke-width="1.5"/>'
        )
        self.text(x + w / 2, y - 7, title, anchor="middle", weight="bold")
        for k, line in enumerate(lines):
            self.text(x + w / 2, y + 20 + 17 * k, line, anchor="middle", size=12)

    def part(self, x: int, y: int, label: str, *, w: int = 56) -> None:
        """A small part in a line that runs through its middle, with its value above."""
        self._pieces.append(
            f'<rect x="{x}" y="{y - 8}" width="{w}" height="16" fill="#fff8e1" stroke="#333" stroke-width="1.2"/>'
        )
        self.text(x + w / 2, y - 12, label, anchor="middle", size=11)

    def wire(self, colour: str, *points: tuple[int, int]) -> None:
        path = " ".join(f"{x},{y}" for x, y in points)
        self._pieces.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.2"/>')

    def joint(self, colour: str, x: int, y: int) -> None:
        self._pieces.append(f'<circle cx="{x}" cy="{y}" r="4.5" fill="{colour}"/>')

    def diode(self, x: int, y: int, label: str) -> None:
        """Pointing right."""
        self._pieces.append(
            f'<path d="M{x},{y - 9} L{x},{y + 9} L{x + 18},{y} Z" fill="#333"/>'
            f'<line x1="{x + 19}" y1="{y - 10}" x2="{x + 19}" y2="{y + 10}" stroke="#333" stroke-width="3"/>'
        )
        self.text(x + 10, y - 15, label, anchor="middle", size=11)

    def ground(self, x: int, y: int) -> None:
        for k, half in enumerate((11, 7, 3)):
            self._pieces.append(
                f'<line x1="{x - half}" y1="{y + 5 * k}" x2="{x + half}" y2="{y + 5 * k}" stroke="{GROUND}" '
                'stroke-width="2.2"/>'
            )

    def text(
        self, x: float, y: float, words: str, *, anchor: str = "start", size: int = 13, weight: str = "normal"
    ) -> None:
        self._pieces.append(
            f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}">'
            f"{escape(words)}</text>"
        )

    def svg(self) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            'font-family="Helvetica, Arial, sans-serif" fill="#111">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fafafa"/>\n'
        )
        return head + "\n".join(self._pieces) + "\n</svg>\n"


def pico(sheet: Sheet) -> None:
    sheet.box(LEFT, 60, RIGHT - LEFT, 700, "Raspberry Pi Pico or Pico 2", fill="#e8f5e9")
    for y, name in LEFT_PINS:
        sheet.text(LEFT + 8, y + 5, name)
    for y, name in RIGHT_PINS:
        sheet.text(RIGHT - 8, y + 5, name, anchor="end")
    sheet.text((LEFT + RIGHT) / 2, 750, "USB to the gateway's computer", anchor="middle", size=12)


def sensors(sheet: Sheet) -> None:
    names = ("VIN", "GND", "SDA", "SCL")
    colours = (POWER, GROUND, DATA, CLOCK)
    heights = (100, 140, 180, 220)
    sheet.box(50, 70, 170, 175, "MAX30102: finger light")
    sheet.box(50, 285, 170, 140, "LIS3DH: motion")
    for k, (name, colour, y) in enumerate(zip(names, colours, heights, strict=True)):
        sheet.text(212, y + 5, name, anchor="end")
        sheet.wire(colour, (220, y), (LEFT, y))
        below, tap = 305 + 25 * k, 390 - 35 * k
        sheet.text(212, below + 5, name, anchor="end")
        sheet.wire(colour, (220, below), (tap, below), (tap, y))
        sheet.joint(colour, tap, y)
    sheet.text(212, 410, "SDO", anchor="end")
    sheet.wire(POWER, (220, 405), (390, 405), (390, 305))
    sheet.joint(POWER, 390, 305)
    sheet.text(228, 422, "SDO high: address 0x19", size=11)


def pressure(sheet: Sheet) -> None:
    sheet.box(20, 450, 160, 70, "Finger-cuff monitor", lines=("analog output", "0 to 3.3 V"))
    sheet.wire(ANALOG, (180, 460), (LEFT, 460))
    sheet.part(205, 460, "1 kΩ")
    sheet.wire(GROUND, (180, 500), (LEFT, 500))
    for x, label in ((300, "100 nF"), (385, "3.3 V clamp")):
        sheet.joint(ANALOG, x, 460)
        sheet.joint(GROUND, x, 500)
        sheet.wire("#333", (x, 460), (x, 500))
        sheet._pieces.append(f'<rect x="{x - 8}" y="470" width="16" height="20" fill="#fff8e1" stroke="#333"/>')
        sheet.text(x - 8, 518, label, anchor="middle", size=11)
    sheet.box(50, 590, 170, 70, "Voltage reference", lines=("LM4040, 2.5 V", "or: GP27 to ground"))
    sheet.wire(ANALOG, (220, 620), (LEFT, 620))
    sheet.joint(ANALOG, 320, 620)
    sheet.wire(POWER, (320, 620), (320, 570), (420, 570), (420, 100))
    sheet.part(345, 570, "1 kΩ")
    sheet.joint(POWER, 420, 100)
    sheet.wire(GROUND, (135, 660), (135, 680))
    sheet.ground(135, 680)


def annunciator(sheet: Sheet) -> None:
    sheet.box(960, 80, 170, 160, "Light: RGB LED")
    for y, name in ((100, "red"), (140, "green"), (180, "blue"), (220, "common cathode")):
        sheet.text(972, y + 5, name)
    for y, value in ((100, "150 Ω"), (140, "47 Ω"), (180, "47 Ω")):
        sheet.wire(DRIVE, (RIGHT, y), (960, y))
        sheet.part(790, y, value)
    sheet.wire(GROUND, (RIGHT, 220), (960, 220))
    sheet.box(960, 280, 170, 110, "Sounder")
    for y, name in ((300, "2N3904 base"), (335, "2N3904 emitter"), (370, "piezo +")):
        sheet.text(972, y + 5, name)
    sheet.text(1045, 412, "piezo - to the collector, 1 kΩ across the piezo", anchor="middle", size=11)
    sheet.wire(GROUND, (RIGHT, 335), (960, 335))
    sheet.wire(POWER, (RIGHT, 370), (960, 370))
    sheet.wire(DRIVE, (RIGHT, 300), (960, 300))
    sheet.part(790, 300, "1 kΩ")
    sheet.box(960, 440, 170, 80, "Acknowledge button", lines=("", "closes GP19 to GND"))
    sheet.wire(DRIVE, (RIGHT, 460), (960, 460))
    sheet.wire(GROUND, (RIGHT, 500), (960, 500))


def supply(sheet: Sheet) -> None:
    sheet.text(960, 550, "Own supply: 2 min of alarm without the host", anchor="middle", weight="bold")
    sheet.wire(POWER, (RIGHT, 580), (1010, 580), (1010, 660))
    sheet.diode(760, 580, "1N5817")
    sheet.part(840, 580, "22 Ω 2 W", w=70)
    sheet.wire(POWER, (1010, 660), (RIGHT, 660))
    sheet._pieces.append(
        '<path d="M880,651 L880,669 L862,660 Z" fill="#333"/>'
        '<line x1="861" y1="650" x2="861" y2="670" stroke="#333" stroke-width="3"/>'
    )
    sheet.text(872, 643, "1N5817", anchor="middle", size=11)
    sheet.joint(POWER, 1010, 660)
    sheet.wire(POWER, (1010, 660), (1010, 676))
    sheet._pieces.append(
        '<rect x="985" y="676" width="50" height="30" fill="#fff8e1" stroke="#333" stroke-width="1.2"/>'
    )
    sheet.text(975, 688, "2 x 10 F 2.7 V in series,", anchor="end", size=12)
    sheet.text(975, 704, "100 kΩ across each", anchor="end", size=12)
    sheet.text(1042, 690, "+", size=14)
    sheet.wire(GROUND, (1010, 706), (1010, 720), (RIGHT, 720))


def main() -> int:
    sheet = Sheet()
    for part in (pico, sensors, pressure, annunciator, supply):
        part(sheet)
    sheet.text(
        20,
        HEIGHT - 14,
        "Numbers beside the names are pins of the module. Dots are joints; lines that cross without one do not touch.",
        size=12,
    )
    TARGET.write_text(sheet.svg(), encoding="utf-8")
    print(TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
