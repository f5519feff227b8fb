"""Equal bits on every machine: compiled and interpreted, for any processor; and what would spoil that is kept out."""

import ast
import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dsp
import dsp.kernels

_ROOT = Path(dsp.__file__).parent
_HEAVY = ("scipy", "pandas", "matplotlib", "wfdb")
_FUSED = re.compile(r"\b(vfn?m(add|sub)\w*|fn?m(add|sub)|fml[as])\b")  # x86-64 and aarch64: one rounding, not two
_MULTIPLIED = re.compile(r"\bv?f?mul[sp]?d?\b")

_HASH_AND_MODULES = f"""
import gc
import sys
from bench import bits
bits.main()
print(sorted({{name.split(".")[0] for name in sys.modules}} & {set(_HEAVY)!r}))
print(gc.isenabled(), len(gc.get_objects()), gc.get_freeze_count())
"""

_HELP = """
import sys
from gateway.cli.main import main
try:
    main(["watch", "--help"])
finally:
    print([name for name in ("numba", "scipy", "pandas", "matplotlib") if name in sys.modules])
"""


def printed(program, **environment):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "NUMBA_DISABLE_JIT": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def compiled():
    """What the fixed input gives as the device runs it, which heavy modules were loaded, and what garbage is sought."""
    return printed(_HASH_AND_MODULES)


def test_the_fixed_input_has_beats_and_values(compiled):
    beats, values = re.fullmatch(r"(\d+) beats, (\d+) values, sha256 [0-9a-f]{64}", compiled[0]).groups()
    assert int(beats) > 200
    assert int(values) > 400


@pytest.mark.parametrize("setting", [{"NUMBA_DISABLE_JIT": "1"}, {"NUMBA_CPU_NAME": "generic"}], ids="-".join)
def test_bits_are_equal_interpreted_and_for_any_processor(compiled, setting):
    assert printed(_HASH_AND_MODULES, **setting)[0] == compiled[0]


def test_measuring_loads_nothing_heavy_although_it_is_installed(compiled):
    assert compiled[1] == "[]"


def test_the_compiler_is_not_searched_for_garbage(compiled):
    is_enabled, searched, spared = compiled[2].split()
    assert is_enabled == "True"
    assert int(searched) < int(spared) / 4


def test_a_command_that_measures_nothing_starts_without_the_compiler():
    assert printed(_HELP)[-1] == "[]"


def banned(tree):
    """Yield what gives other bits on another machine: sums in an order of their own, single precision, transforms."""
    names = {
        "fft",
        "linalg",
        "dot",
        "vdot",
        "inner",
        "matmul",
        "einsum",
        "tensordot",
        "float32",
        "float16",
        "longdouble",
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names:
            yield f"{node.lineno}: .{node.attr}"
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult):
            yield f"{node.lineno}: @"
        if isinstance(node, ast.keyword) and node.arg in ("fastmath", "parallel"):
            yield f"{node.lineno}: {node.arg}"
        if isinstance(node, ast.Constant) and node.value in ("f4", "f2", "float32", "<f4"):
            yield f"{node.lineno}: {node.value}"


def test_what_differs_between_machines_is_found():
    tree = ast.parse("np.fft.rfft(x)\na @ b\nnjit(fastmath=True)\nnp.dtype('f4')\nx.dot(y)\na @= b\nnp.exp(x)")
    assert sorted(banned(tree)) == ["1: .fft", "2: @", "3: fastmath", "4: f4", "5: .dot", "6: @"]


def test_what_differs_between_machines_is_not_in_the_core():
    sources = sorted(_ROOT.rglob("*.py"))
    assert len(sources) > 15
    found = [f"{path.relative_to(_ROOT)}:{what}" for path in sources for what in banned(ast.parse(path.read_text()))]
    assert found == []


def machine_code(scratch):
    """Yield the name of each compiled kernel and its instructions, from numba's cache."""
    for module in pkgutil.iter_modules(dsp.kernels.__path__):
        for name, kernel in vars(importlib.import_module(f"dsp.kernels.{module.name}")).items():
            if getattr(kernel, "py_func", None) is None or kernel.stats.cache_path is None:
                continue  # one without a cache is compiled into those that call it
            line = kernel.py_func.__code__.co_firstlineno
            for path in Path(kernel.stats.cache_path).glob(f"{module.name}.{name}-{line}.*.nbc"):
                cached = path.read_bytes()
                scratch.write_bytes(cached[cached.index(b"\x7fELF") :])
                objdump = ["objdump", "-d", "--no-show-raw-insn", str(scratch)]
                done = subprocess.run(objdump, stdout=subprocess.PIPE, text=True, check=True)
                yield f"{module.name}.{name}", done.stdout


@pytest.mark.skipif(shutil.which("objdump") is None, reason="needs objdump: apt install binutils")
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_no_compiled_kernel_fuses_a_product_with_a_sum(compiled, tmp_path):
    assert compiled  # by now the cache is there
    code = list(machine_code(tmp_path / "kernel.o"))
    assert {"pulse.detect", "optics.compare"} <= {name for name, _ in code}
    assert sum(len(_MULTIPLIED.findall(instructions)) for _, instructions in code) > 50
    assert [(name, found[0]) for name, text in code if (found := _FUSED.search(text))] == []
