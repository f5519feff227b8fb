"""What a virtual board cannot show: rules of the firmware's text that keep it right; part of `make check`.

A float has 32 bits on an RP2040 and 64 on the unix port, and a viper integer has 32 and 64: where they would differ,
nothing can be tested here, so it may not be written.

- no float: no such literal, no `/`, no `float`, `round` or `math`
- in viper code only what agrees on both widths: + and -, & | ^, a left shift of a byte, a right shift whose result is
  masked, a product with a small constant; no // % ** ~
- `machine` only where the hardware is: board, link, watchdog, annunciator, drivers
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "firmware"
_HARDWARE = ("node/board.py", "node/link.py", "node/watchdog.py", "node/annunciator.py", "node/drivers/")
_FLOAT_NAMES = {"float", "round", "math", "cmath", "complex"}
_MASK_MAX = 0x0FFFFFFF  # keeps 28 bits: what a shift by 4 of 32 leaves, whatever the sign was
_FACTOR_MAX = 16
_VIPER_OPERATORS = (ast.Add, ast.Sub, ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift, ast.Mult)


def faults(path: Path) -> Iterator[str]:
    """Say what a module must not do, and where."""
    tree = ast.parse(path.read_text())
    name = path.relative_to(FIRMWARE).as_posix()
    for line, what in [*_floats(tree), *_machine(tree, name), *_viper(tree)]:
        yield f"{name}:{line}: {what}"


def _floats(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float()):
                yield node.lineno, "a float literal"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield node.lineno, "a division that yields a float"
            case ast.Name(id=name) if name in _FLOAT_NAMES:
                yield node.lineno, f"{name}: a float"
            case ast.Import(names=names) if any(alias.name in _FLOAT_NAMES for alias in names):
                yield node.lineno, "a module of floats"
            case ast.ImportFrom(module=name) if name in _FLOAT_NAMES:
                yield node.lineno, "a module of floats"


def _machine(tree: ast.AST, name: str) -> Iterator[tuple[int, str]]:
    if name.startswith(_HARDWARE):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if any(alias.name in {"machine", "rp2"} for alias in names):
                yield node.lineno, "machine, where there is no hardware"
            case ast.ImportFrom(module="machine" | "rp2"):
                yield node.lineno, "machine, where there is no hardware"


def _viper(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(_is_viper(decorator) for decorator in node.decorator_list):
            masked = {id(part) for inner in ast.walk(node) for part in _masked(inner)}
            for inner in ast.walk(node):
                yield from _operation(inner, masked)


def _is_viper(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Attribute) and decorator.attr == "viper"


def _masked(node: ast.AST) -> Iterator[ast.expr]:
    """Operands of & whose other side is a constant."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(other, ast.Constant) and isinstance(other.value, int) and 0 <= other.value <= _MASK_MAX:
                yield one


def _operation(node: ast.AST, masked: set[int]) -> Iterator[tuple[int, str]]:
    match node:
        case ast.UnaryOp(op=ast.Invert()):
            yield node.lineno, "viper: ~, whose width is that of the processor"
        case ast.AugAssign(op=operator) if not isinstance(operator, ast.Add | ast.Sub):
            yield node.lineno, "viper: an assignment that is neither += nor -="
        case ast.BinOp(op=operator) if not isinstance(operator, _VIPER_OPERATORS):
            yield node.lineno, f"viper: {type(operator).__name__}"
        case ast.BinOp(op=ast.RShift()) if id(node) not in masked:
            yield node.lineno, "viper: a right shift without a mask"
        case ast.BinOp(op=ast.LShift(), left=left, right=right):
            if not isinstance(left, ast.Subscript) or not _is_small(right):
                yield node.lineno, "viper: a left shift of more than a byte"
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            if not _is_small(left) and not _is_small(right):
                yield node.lineno, "viper: a product without a small constant"


def _is_small(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and 0 <= node.value <= _FACTOR_MAX


def main() -> int:
    modules = [path for path in sorted(FIRMWARE.rglob("*.py")) if path.name != "manifest.py"]
    found = [fault for path in modules for fault in faults(path)]
    print("\n".join([*found, f"firmware rules: {len(modules)} modules, {len(found)} faults"]))
    return 1 if found or not modules else 0


if __name__ == "__main__":
    sys.exit(main())
