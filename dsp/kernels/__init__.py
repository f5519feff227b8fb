"""Compiled loops: numbers in, numbers out. This package is imported before each of them, and loads the compiler.

A kernel that Python calls has a signature and is cached. One that only kernels of its file call has neither: it is
compiled into them, and a start need not load it by itself.
"""

from __future__ import annotations

import importlib
import sys


def _load_compiler() -> None:
    """Load numba's array support without scipy, also where scipy happens to be installed.

    It imports ``scipy.linalg`` to compile matrix products, which are kept out of the core: 0.4 s of CPU and 16 MB at
    every start for nothing.
    """
    is_loaded = "scipy" in sys.modules
    if not is_loaded:
        sys.modules["scipy"] = None  # type: ignore[assignment]  # None makes the import fail, as if not installed
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        if not is_loaded:
            del sys.modules["scipy"]


_load_compiler()
