# What is frozen into the board's image: littlefs is reformatted when a mount fails, a frozen program survives it
# (ports/rp2/modules/_boot.py). Build: make -C ports/rp2 BOARD=RPI_PICO FROZEN_MANIFEST=<this file>
include("$(PORT_DIR)/boards/manifest.py")  # type: ignore[name-defined]  # noqa: F821  # names of the manifest language
package("node")  # type: ignore[name-defined]  # noqa: F821
module("main.py")  # type: ignore[name-defined]  # noqa: F821
