"""Compiled loops: numbers in, numbers out. This package is imported before each of them, and loads the compiler.

A kernel that Python calls has a signature and is cached. One that only kernels of its file call has neither: it is
compiled into them, and a start need not load it by itself.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
from importlib.util import LazyLoader, find_spec, module_from_spec

_SPARED = ("scipy", "cffi")


def _load_compiler() -> None:
    """Load numba's array support without what it would load only because it happens to be installed.

    It imports ``scipy.linalg`` to compile matrix products, which are kept out of the core, and ``cffi`` for foreign
    functions, of which there are none: 0.5 s of CPU and 18 MB at every start for nothing. What it does load stays for
    good, a hundred thousand objects: looking for garbage among them takes a tenth of a second, at the start and at
    some call or other later.
    """
    is_collecting = gc.isenabled()
    spared = [name for name in _SPARED if name not in sys.modules]
    for name in spared:
        sys.modules[name] = None  # type: ignore[assignment]  # None makes the import fail, as if not installed
    gc.disable()
    try:
        importlib.import_module("numba.np.arraymath")
        importlib.import_module("numba.core.typing.cffi_utils")
        target = importlib.import_module("numba.core.registry").cpu_target
        target.typing_context.refresh()  # the first kernel would do so
        target.target_context.refresh()
    finally:
        for name in spared:
            del sys.modules[name]
        gc.freeze()
        if is_collecting:
            gc.enable()


_load_compiler()


def _put_off() -> None:
    """Let each module of kernels be loaded when it is first used: a chair without a sensor starts without its loops."""
    for found in pkgutil.iter_modules(__path__, f"{__name__}."):
        spec = find_spec(found.name)
        if spec is None or spec.loader is None or found.name in sys.modules:
            continue
        spec.loader = LazyLoader(spec.loader)
        module = sys.modules[found.name] = module_from_spec(spec)
        spec.loader.exec_module(module)
        setattr(sys.modules[__name__], found.name.rpartition(".")[2], module)


def load() -> None:
    """Load all of them at once; the first time this compiles them, for a minute or two."""
    for found in pkgutil.iter_modules(__path__, f"{__name__}."):
        vars(importlib.import_module(found.name))


_put_off()
