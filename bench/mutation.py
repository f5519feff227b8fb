"""Would a test notice each small change of the alarm system? ``make campaign-mutation``; on a copy, never in place.

Every comparison, operator, number, condition, return and word of gateway/alarms is changed, one at a time, in a copy of
the project, and the tests of the alarm system run against it. A change that no test notices is printed: a survivor. The
signal processing is loaded once; each change runs in a process of its own, forked from there.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("gateway/alarms")
LIMIT_S = 300  # for one change: a test that hangs has noticed it
TESTS = {  # the tests that know a module best come first
    "hold.py": ["test_hold.py"],
    "signals.py": ["test_signals.py"],
    "evidence.py": ["test_evidence.py"],
    "profile.py": ["test_profile.py"],
    "selfcheck.py": ["test_selfcheck.py"],
    "catalogue.py": ["test_catalogue.py", "test_evidence.py"],
    "ahead.py": ["../test_trend_messages.py"],
}
REST = ["test_engine.py", "test_evidence.py", "test_hold.py", "test_profile.py", "test_selfcheck.py"]
REST += ["test_catalogue.py", "test_signals.py"]

_COMPARE = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
_BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}


def changes(node):  # noqa: C901, PLR0912 - a table of cases
    """Every other node that this one might have been by mistake."""
    match node:
        case ast.Compare(ops=[op]):
            for other in _COMPARE.get(type(op), []):
                yield _with(node, ops=[other()])
        case ast.BoolOp(op=ast.And()):
            yield _with(node, op=ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield _with(node, op=ast.And())
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.UnaryOp(op=ast.USub()):
            yield node.operand
        case ast.BinOp(op=op) if type(op) in _BINARY:
            yield _with(node, op=_BINARY[type(op)]())
        case ast.AugAssign(op=ast.Add()):
            yield _with(node, op=ast.Sub())
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Constant(value=bool()):
            yield ast.Constant(value=not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(value=node.value + 1)
        case ast.Constant(value=str()) if node.value:
            yield ast.Constant(value=node.value + "x")
        case ast.Constant(value=None):
            yield ast.Constant(value=0)
        case ast.If() | ast.While():
            yield _with(node, test=ast.Constant(value=True))
            yield _with(node, test=ast.Constant(value=False))
        case ast.Assign() | ast.AnnAssign(value=ast.expr()) | ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(value=ast.Constant(value=None))


def _with(node, **fields):
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


class _Change(ast.NodeTransformer):
    """Replaces the node of one number by one of its changes; counts them all on the way."""

    def __init__(self, wanted=None):
        self.wanted = wanted
        self.found = []
        self.line = 0

    def visit(self, node):
        if _is_description(node):
            return node
        for other in changes(node):
            number = len(self.found)
            self.found.append((node.lineno, ast.unparse(node), ast.unparse(other)))
            if number == self.wanted:
                self.line = node.lineno
                return ast.copy_location(other, node)
        return self.generic_visit(node)


def _is_description(node):
    """Docstrings, types and imports have nothing that could go wrong unseen."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return True
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"


def mutants():
    """Of each module, each change: module, number, line, from, to."""
    for path in sorted((ROOT / PACKAGE).glob("*.py")):
        if path.name == "__init__.py":
            continue
        change = _Change()
        tree = _without_annotations(ast.parse(path.read_text()))
        change.visit(tree)
        for number, (line, before, after) in enumerate(change.found):
            yield path.name, number, line, before, after


def _without_annotations(tree):
    """Types are checked by mypy; as text they are never run."""
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None:
                setattr(node, name, None if name == "returns" or isinstance(node, ast.arg) else ast.Name(id="object"))
    return ast.fix_missing_locations(tree)


def changed_source(name, number):
    """The module with that change; annotations stay, because structs are made of them."""
    text = (ROOT / PACKAGE / name).read_text()
    plain = _Change()
    plain.visit(_without_annotations(ast.parse(text)))
    line, before, after = plain.found[number]
    tree = ast.parse(text)
    nth = sum(1 for one in plain.found[:number] if one == (line, before, after))
    change = _Exact(line, before, after, nth)
    tree = ast.fix_missing_locations(change.visit(tree))
    return ast.unparse(tree) if change.done else None


class _Exact(ast.NodeTransformer):
    """The same change in the tree with annotations."""

    def __init__(self, line, before, after, nth):
        self.line, self.before, self.after, self.left = line, before, after, nth
        self.done = False

    def visit(self, node):
        if not self.done and not _is_description(node) and getattr(node, "lineno", None) == self.line:
            for other in changes(node):
                if (ast.unparse(_without_annotations(copy.deepcopy(node))), ast.unparse(other)) != (
                    self.before,
                    self.after,
                ):
                    continue
                if self.left:
                    self.left -= 1
                    continue
                self.done = True
                return ast.copy_location(other, node)
        return self.generic_visit(node)


def is_noticed(source, name, directory):
    """Run the tests on the copy with that source in a forked process; False where all of them pass."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os._exit(_child(source, name, directory))
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _child(source, name, directory):
    import pytest

    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    (directory / PACKAGE / name).write_text(source)
    os.chdir(directory)
    sys.path.insert(0, str(directory))
    folder = directory / "tests" / "gateway" / "alarms"
    first = TESTS.get(name, [])
    tests = [str(folder / test) for test in [*first, *(t for t in REST if t not in first)]]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=--import-mode=importlib"]
    return int(pytest.main([*options, *tests]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the changes, chosen by a fixed seed")
    parser.add_argument("--module", help="only this one, such as hold.py")
    args = parser.parse_args()
    chosen = [m for m in mutants() if args.module in (None, m[0])]
    if args.share < 1:
        chosen = sorted(random.Random(1).sample(chosen, round(args.share * len(chosen))))
    import dsp.monitor  # noqa: F401 - compiled once, here, for all of them

    survivors = []
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        for folder in ("gateway", "dsp", "tests", "docs"):
            shutil.copytree(ROOT / folder, directory / folder, ignore=shutil.ignore_patterns("__pycache__"))
        if is_noticed((ROOT / PACKAGE / "hold.py").read_text(), "hold.py", directory):
            raise SystemExit("mutation: the tests fail without any change")
        for name, number, line, before, after in chosen:
            source = changed_source(name, number)
            if source is not None and not is_noticed(source, name, directory):
                survivors.append((name, line, before, after))
                print(f"survived: {name}:{line}: {before}  ->  {after}", flush=True)
            (directory / PACKAGE / name).write_text((ROOT / PACKAGE / name).read_text())
    killed = len(chosen) - len(survivors)
    print(f"{killed} of {len(chosen)} changes noticed: {100 * killed / len(chosen):.1f} %")
    return 0 if killed >= 0.95 * len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
