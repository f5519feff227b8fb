"""Ten million ticks of the firmware's loop: its free memory stays what it was; part of `make campaign-board`."""

import argparse
import sys
import time

from tests.firmware.test_on_micropython import ROUND, free_memory


def main() -> int:
    parser = argparse.ArgumentParser(description="Free memory after each 50,000 ticks.")
    parser.add_argument("--ticks", type=int, default=10_000_000)
    rounds = parser.parse_args().ticks // ROUND
    start = time.perf_counter()
    left = free_memory(rounds)
    is_flat = len(left) == rounds and len(set(left)) == 1
    told = (
        f"{min(left)} bytes free throughout"
        if is_flat
        else f"FAILED: {sorted(set(left))} bytes free, {len(left)} reports"
    )
    print(f"{rounds * ROUND} ticks: {told}; {time.perf_counter() - start:.0f} s")
    return not is_flat


if __name__ == "__main__":
    sys.exit(main())
