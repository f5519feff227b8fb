"""The compiled kernels as C: the same loops, written out by a small translator, so that they never fall behind.

A kernel is plain: numbers, arrays of 64-bit numbers, records of them, loops and calls of its neighbours. Anything else
raises ``NotInSubsetError``. gcc -O3 compiles for the very processor, as numba does; -ffp-contract=off keeps a product
and a sum two roundings, so the bits can be compared.
"""

import ast
import ctypes
import inspect
import math
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import types
from numba.np.numpy_support import as_dtype

FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-shared", "-fPIC", "-std=gnu11", "-w"]
HEAD = """
#include <math.h>
#include <stdint.h>
#include <alloca.h>
typedef struct { double *p; int64_t n, m; } af;
typedef struct { int64_t *p; int64_t n, m; } ai;
static inline int64_t mod(int64_t a, int64_t b) { int64_t r = a % b; return r < 0 ? r + b : r; }
static inline int64_t quotient(int64_t a, int64_t b) { int64_t q = a / b; return a % b < 0 ? q - 1 : q; }
static inline double fewer(double a, double b) { return b < a ? b : a; }
static inline double more(double a, double b) { return b > a ? b : a; }
static inline int64_t ifewer(int64_t a, int64_t b) { return b < a ? b : a; }
static inline int64_t imore(int64_t a, int64_t b) { return b > a ? b : a; }
"""
BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"}
COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
NUMPY = {"floor": "floor", "ceil": "ceil", "sqrt": "sqrt", "isnan": "isnan", "isfinite": "isfinite", "abs": "fabs"}
NUMPY |= {"exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "arctan2": "atan2"}
INT, FLOAT = "i", "f"
C_NAMES = {INT: "int64_t", FLOAT: "double", "af": "af", "ai": "ai"}


class NotInSubsetError(Exception):
    """A kernel uses something that the translator does not know."""


@dataclass(frozen=True)
class Record:
    """A pointer to a struct, or with ``is_array`` to the first of several."""

    name: str
    dtype: np.dtype
    is_array: bool = False


def kernels_of(module):
    """The compiled functions of a module, in the order in which they are written."""
    return {
        name: f for name, f in vars(module).items() if hasattr(f, "py_func") and f.py_func.__module__ == module.__name__
    }


class Translator:
    """One module to C text; ``entries`` holds the argument kinds and the result of each kernel with a signature."""

    def __init__(self, module):
        self.prefix = module.__name__.rsplit(".", 1)[-1]
        self._kernels = kernels_of(module)
        self._constants = {k: v for k, v in vars(module).items() if type(v) in (int, float)}
        self._structs = {}
        self._record_names = {}
        self._written = {}  # C name: text; a kernel before those that call it
        self.entries = {}
        for name, kernel in self._kernels.items():
            for signature in kernel.nopython_signatures:
                result = None if signature.return_type == types.none else self._kind(signature.return_type)
                self.entries[name] = ([self._kind(t) for t in signature.args], result)

    def source(self):
        """C text of all kernels of the module."""
        exported = []
        for name, (arguments, result) in self.entries.items():
            exported.append(self._exported(self._specialized(name, arguments), name, arguments, result))
        return "\n".join([*self._structs.values(), *self._written.values(), *exported])

    def _kind(self, t):
        if isinstance(t, types.Record):
            return self._record(t)
        if isinstance(t, types.Array):
            if isinstance(t.dtype, types.Record):
                record = self._record(t.dtype)
                return Record(record.name, record.dtype, is_array=True)
            return ("ai" if t.dtype == types.int64 else "af") + ("2" if t.ndim == 2 else "")
        return FLOAT if t == types.float64 else INT

    def _record(self, t):
        dtype = as_dtype(t)
        key = tuple((n, dtype[n].str, dtype[n].shape) for n in dtype.names)
        name = self._record_names.setdefault(key, f"{self.prefix}_record_{len(self._record_names)}")
        if name not in self._structs:
            fields = []
            for field in dtype.names:
                base, shape = dtype[field].base, dtype[field].shape
                size = f"[{math.prod(shape)}]" if shape else ""
                fields.append(f"{'double' if base.kind == 'f' else 'int64_t'} {field}{size};")
            self._structs[name] = f"typedef struct {{ {' '.join(fields)} }} {name};"
        return Record(name, dtype)

    def _specialized(self, name, arguments):
        """C name of a kernel for some kinds of arguments; it is written where it has not been."""
        c_name = "_".join([self.prefix, name, *(k.name if isinstance(k, Record) else k for k in arguments)])
        if c_name not in self._written:
            tree, scope, result = self._inferred(name, arguments)
            given = [a.arg for a in tree.args.args]
            body = "\n".join(self._statement(node, scope) for node in tree.body)
            locals_ = "".join(f"{c_type(kind)} {v};\n" for v, kind in scope.items() if v not in given)
            parameters = ", ".join(f"{c_type(scope[argument])} {argument}" for argument in given)
            text = f"static {c_type(result)} {c_name}({parameters}) {{\n{locals_}{body}\n}}\n"
            self._written[c_name] = text
        return c_name

    def _inferred(self, name, arguments):
        """Syntax tree, kinds of the variables and of the result."""
        tree = ast.parse(textwrap.dedent(inspect.getsource(self._kernels[name].py_func))).body[0]
        scope = dict(zip((a.arg for a in tree.args.args), arguments, strict=True))
        for _ in range(4):  # until the kinds of the variables no longer change
            for node in ast.walk(tree):
                self._infer(node, scope)
        if name in self.entries:
            return tree, scope, self.entries[name][1]
        returns = [n.value for n in ast.walk(tree) if isinstance(n, ast.Return) and n.value is not None]
        kinds = {self._expression(value, scope)[1] for value in returns}
        return tree, scope, FLOAT if FLOAT in kinds else next(iter(kinds), None)

    def _exported(self, c_name, name, arguments, result):
        outer, inner = [], []
        for k, kind in enumerate(arguments):
            if isinstance(kind, str) and kind.startswith("a"):
                outer.append(f"{C_NAMES[kind[1]]} *p{k}, int64_t n{k}, int64_t m{k}")
                inner.append(f"({c_type(kind)}){{p{k}, n{k}, m{k}}}")
            else:
                outer.append(f"{c_type(kind)} a{k}")
                inner.append(f"a{k}")
        answer = "" if result is None else "return "
        head = f"{c_type(result)} {self.prefix}_{name}_entry({', '.join(outer)})"
        return f"{head} {{ {answer}{c_name}({', '.join(inner)}); }}\n"

    def _infer(self, node, scope):
        if isinstance(node, ast.For):
            scope[node.target.id] = INT
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            self._join(scope, node.target.id, node.value)
            if isinstance(node.op, ast.Div):
                scope[node.target.id] = FLOAT
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Tuple):
                    values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value] * len(target.elts)
                    for one, value in zip(target.elts, values, strict=True):
                        if isinstance(one, ast.Name):
                            self._join(scope, one.id, value)
                elif isinstance(target, ast.Name):
                    self._join(scope, target.id, node.value)

    def _join(self, scope, name, value):
        try:
            kind = self._expression(value, scope)[1]
        except KeyError:  # of a variable that is seen later
            return
        scope[name] = FLOAT if FLOAT in (kind, scope.get(name)) else kind

    def _statement(self, node, scope):  # noqa: C901, PLR0911  # one case for each kind of node
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return ""
            case ast.Expr():
                return self._expression(node.value, scope)[0] + ";"
            case ast.Assign(targets=[ast.Tuple() as target]) if isinstance(node.value, ast.Tuple):
                return self._together(target.elts, node.value.elts, scope)
            case ast.Assign(targets=[ast.Subscript(slice=ast.Slice(lower=None, upper=None)) as target]):
                array, value = self._expression(target.value, scope)[0], self._expression(node.value, scope)[0]
                return f"for (int64_t q = 0; q < {array}.n; q++) {array}.p[q] = {value};"
            case ast.Assign():
                first, *others = [self._expression(target, scope)[0] for target in reversed(node.targets)]
                lines = [f"{first} = {self._expression(node.value, scope)[0]};"]
                return "\n".join([*lines, *(f"{other} = {first};" for other in others)])
            case ast.AugAssign():
                value = ast.BinOp(left=node.target, op=node.op, right=node.value)
                return f"{self._expression(node.target, scope)[0]} = {self._expression(value, scope)[0]};"
            case ast.If():
                other = f" else {{\n{self._block(node.orelse, scope)}\n}}" if node.orelse else ""
                return f"if ({self._expression(node.test, scope)[0]}) {{\n{self._block(node.body, scope)}\n}}{other}"
            case ast.While(orelse=[]):
                return f"while ({self._expression(node.test, scope)[0]}) {{\n{self._block(node.body, scope)}\n}}"
            case ast.For(orelse=[]):
                return self._for(node, scope)
            case ast.Return():
                return "return;" if node.value is None else f"return {self._expression(node.value, scope)[0]};"
            case ast.Continue():
                return "continue;"
            case ast.Break():
                return "break;"
        raise NotInSubsetError(ast.unparse(node))

    def _block(self, nodes, scope):
        return "\n".join(self._statement(node, scope) for node in nodes)

    def _together(self, targets, values, scope):
        lines = []
        for k, value in enumerate(values):
            text, kind = self._expression(value, scope)
            lines.append(f"{c_type(kind)} t{k} = {text};")
        lines += [f"{self._expression(target, scope)[0]} = t{k};" for k, target in enumerate(targets)]
        return "{ " + " ".join(lines) + " }"

    def _for(self, node, scope):
        if not (
            isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Name) and node.iter.func.id == "range"
        ):
            raise NotInSubsetError(ast.unparse(node.iter))
        bounds = [self._expression(a, scope)[0] for a in node.iter.args]
        start, stop, step = {1: ["0", *bounds, "1"], 2: [*bounds, "1"], 3: bounds}[len(bounds)]
        order = ">" if step.strip("()").startswith("-") else "<"
        k = node.target.id
        # As in Python, the bounds are taken once and the variable keeps its last value.
        return (
            f"for (int64_t {k}_at = {start}, {k}_stop = {stop}; {k}_at {order} {k}_stop; {k}_at += {step}) {{\n"
            f"{k} = {k}_at;\n{self._block(node.body, scope)}\n}}"
        )

    def _expression(self, node, scope):  # noqa: C901, PLR0911, PLR0912  # one case for each kind of node
        """C text and kind of an expression."""
        match node:
            case ast.Constant(value=bool() as value):
                return str(int(value)), INT
            case ast.Constant(value=int() as value):
                return str(value), INT
            case ast.Constant(value=float() as value):
                return repr(value), FLOAT
            case ast.Name(id=name) if name in scope:
                return name, scope[name]
            case ast.Name(id=name) if name in self._constants:
                value = self._constants[name]
                return f"({value!r})", INT if isinstance(value, int) else FLOAT
            case ast.Name(id=name):
                raise KeyError(name)
            case ast.Attribute(value=ast.Name(id="np"), attr="inf"):
                return "INFINITY", FLOAT
            case ast.Attribute(value=ast.Name(id="np"), attr="nan"):
                return "NAN", FLOAT
            case ast.Subscript():
                return self._subscript(node, scope)
            case ast.BinOp():
                return self._binary(node, scope)
            case ast.UnaryOp(op=ast.USub()):
                text, kind = self._expression(node.operand, scope)
                return f"(-{text})", kind
            case ast.UnaryOp(op=ast.Not()):
                return f"(!{self._expression(node.operand, scope)[0]})", INT
            case ast.BoolOp():
                word = " && " if isinstance(node.op, ast.And) else " || "
                return "(" + word.join(self._expression(v, scope)[0] for v in node.values) + ")", INT
            case ast.Compare():
                terms = [self._expression(v, scope)[0] for v in (node.left, *node.comparators)]
                pairs = zip(terms, node.ops, terms[1:], strict=False)
                return "(" + " && ".join(f"({a} {COMPARE[type(op)]} {b})" for a, op, b in pairs) + ")", INT
            case ast.IfExp():
                test = self._expression(node.test, scope)[0]
                (a, kind_a), (b, kind_b) = self._expression(node.body, scope), self._expression(node.orelse, scope)
                return f"({test} ? {a} : {b})", FLOAT if FLOAT in (kind_a, kind_b) else kind_a
            case ast.Call():
                return self._call(node, scope)
        raise NotInSubsetError(ast.unparse(node))

    def _binary(self, node, scope):
        (a, kind_a), (b, kind_b) = self._expression(node.left, scope), self._expression(node.right, scope)
        kind = FLOAT if FLOAT in (kind_a, kind_b) else INT
        match node.op:
            case ast.Div():
                return f"((double)({a}) / (double)({b}))", FLOAT
            case ast.Mod() if kind == INT:
                return f"mod({a}, {b})", INT
            case ast.FloorDiv() if kind == INT:
                return f"quotient({a}, {b})", INT
            case ast.Pow() if isinstance(node.right, ast.Constant) and node.right.value == 2:
                return f"({a} * {a})", kind
        if type(node.op) not in BINARY:
            raise NotInSubsetError(ast.unparse(node))
        return f"({a} {BINARY[type(node.op)]} {b})", kind

    def _subscript(self, node, scope):
        base, kind = self._expression(node.value, scope)
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return self._field(base, kind, node.slice.value)
        if isinstance(node.slice, ast.Tuple):
            row, column = (self._expression(part, scope)[0] for part in node.slice.elts)
            return f"{base}.p[({row}) * {base}.m + ({column})]", kind[1]
        index = self._expression(node.slice, scope)[0]
        if isinstance(kind, Record) and kind.is_array:
            return f"({base} + ({index}))", Record(kind.name, kind.dtype)
        if kind in ("pf", "pi"):
            return f"{base}[{index}]", kind[1]
        if kind in ("af2", "ai2"):
            return f"(({kind[:2]}){{{base}.p + ({index}) * {base}.m, {base}.m, 1}})", kind[:2]
        return f"{base}.p[{index}]", kind[1]

    def _field(self, base, kind, name):
        dtype = kind.dtype[name]
        letter = FLOAT if dtype.base.kind == "f" else INT
        return f"({base})->{name}", f"p{letter}" if dtype.shape else letter

    def _call(self, node, scope):  # noqa: C901, PLR0911  # one case for each function
        arguments = [self._expression(a, scope) for a in node.args]
        texts = [text for text, _ in arguments]
        is_float = any(kind == FLOAT for _, kind in arguments)
        match node.func:
            case ast.Name(id=name) if name in self._kernels:
                kinds = [kind for _, kind in arguments]
                return f"{self._specialized(name, kinds)}({', '.join(texts)})", self._inferred(name, kinds)[2]
            case ast.Name(id="len"):
                return f"{texts[0]}.n", INT
            case ast.Name(id="int"):
                return f"((int64_t)({texts[0]}))", INT
            case ast.Name(id="float"):
                return f"((double)({texts[0]}))", FLOAT
            case ast.Name(id="bool"):
                return f"(({texts[0]}) != 0)", INT
            case ast.Name(id="abs"):
                return (f"fabs({texts[0]})", FLOAT) if is_float else (f"llabs({texts[0]})", INT)
            case ast.Name(id="min" | "max" as name):
                function = ("" if is_float else "i") + ("fewer" if name == "min" else "more")
                text = texts[0]
                for other in texts[1:]:
                    text = f"{function}({text}, {other})"
                return text, FLOAT if is_float else INT
            case ast.Attribute(value=ast.Name(id="np"), attr="empty"):
                return f"((af){{alloca(({texts[0]}) * sizeof(double)), {texts[0]}, 1}})", "af"
            case ast.Attribute(value=ast.Name(id="np"), attr=name) if name in NUMPY:
                return f"{NUMPY[name]}({', '.join(texts)})", INT if name.startswith("is") else FLOAT
        raise NotInSubsetError(ast.unparse(node))


def c_type(kind):
    if kind is None:
        return "void"
    if isinstance(kind, Record):
        return f"{kind.name} *"
    if kind in ("pf", "pi"):
        return f"{C_NAMES[kind[1]]} *"
    return C_NAMES[kind.removesuffix("2")]


def build(modules, folder):
    """Translate and compile; return a dict from (module, kernel) to a function that takes what the kernel takes."""
    functions = {}
    for module in modules:
        translator = Translator(module)
        source = Path(folder) / f"{translator.prefix}.c"
        source.write_text(HEAD + translator.source())
        library = source.with_suffix(".so")
        subprocess.run(["gcc", *FLAGS, "-o", library, source, "-lm"], check=True)
        loaded = ctypes.CDLL(str(library))
        for name, (arguments, result) in translator.entries.items():
            function = loaded[f"{translator.prefix}_{name}_entry"]
            function.argtypes = [t for kind in arguments for t in ctypes_of(kind)]
            function.restype = None if result is None else ctypes_of(result)[0]
            functions[translator.prefix, name] = function
    return functions


def ctypes_of(kind):
    if kind == FLOAT:
        return [ctypes.c_double]
    if kind == INT:
        return [ctypes.c_int64]
    return [ctypes.c_void_p] if isinstance(kind, Record) else [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]


def flattened(arguments):
    """What the C function takes for the arguments of the kernel; the arrays must be kept alive beside it."""
    out = []
    for value in arguments:
        if isinstance(value, np.ndarray) and value.dtype.names is None:
            rows = value.shape[0]
            out += [value.ctypes.data, rows, value.shape[1] if value.ndim == 2 else 1]
        elif isinstance(value, np.ndarray | np.void):
            out.append(value.__array_interface__["data"][0])
        else:
            out.append(value)
    return out
