"""Degradations of good Python code, made on the text so that formatting survives.

Does: find the places where an idiom can be replaced by a clumsier equivalent,
apply such a replacement, and recognise code that already holds a clumsy form.
Does not: touch comments, quotes, blank lines or anything outside the place itself.
Called by: `samples.py` (to make pairs), `sources.py` (to drop ambiguous functions).

The names of the kinds are those of the idiom that the model is to restore.
"""

import ast
import re
from dataclasses import dataclass, field

OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//",
    ast.Mod: "%", ast.BitOr: "|", ast.BitAnd: "&", ast.LShift: "<<", ast.RShift: ">>",
}
SIMPLE = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant)
BOOLEAN_FUNCTIONS = {"isinstance", "issubclass", "hasattr", "callable", "any", "all"}
BOOLEAN_METHODS = {"startswith", "endswith", "isdigit", "isalpha", "isidentifier", "exists", "issubset"}
RESULT_NAMES = ("result", "result", "result", "value", "output", "res", "ret")
LIST_NAMES = ("result", "result", "items", "values", "output", "out")

# Rare idioms are chosen more often, so that each kind is seen enough.
KIND_WEIGHT = {
    "aug_assign": 2.0, "is_none": 1.5, "is_not_none": 1.5, "not_in": 3.0, "in_tuple": 4.0,
    "not_in_tuple": 4.0, "truthy": 1.0, "not_x": 1.5, "return_bool": 3.0, "return_not": 4.0,
    "return_temp": 1.0, "list_comp": 4.0, "return_list_comp": 4.0, "f_string": 2.5,
    "else_after_return": 1.5,
}


@dataclass
class Site:
    """One place that can be degraded: its kind and the text edits that do it."""

    kind: str
    edits: list = field(default_factory=list)

    def apply(self, code):
        """Return the code with the edits made."""
        for start, end, text in sorted(self.edits, reverse=True):
            code = code[:start] + text + code[end:]
        return code


class Source:
    """Parsed ASCII code with offsets of nodes."""

    def __init__(self, code):
        self.code = code
        self.tree = ast.parse(code)
        self.lines = code.split("\n")
        self.offsets = [0]
        for line in self.lines:
            self.offsets.append(self.offsets[-1] + len(line) + 1)
        self.parents = {}
        self.names = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name):
                self.names.add(node.id)
            elif isinstance(node, ast.arg):
                self.names.add(node.arg)
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node

    def start(self, node):
        """Offset of the first character of a node."""
        return self.offsets[node.lineno - 1] + node.col_offset

    def end(self, node):
        """Offset behind the last character of a node."""
        return self.offsets[node.end_lineno - 1] + node.end_col_offset

    def text(self, node):
        """Source text of a node."""
        return self.code[self.start(node):self.end(node)]

    def one_line(self, node):
        """Whether the node stands on one line."""
        return node.lineno == node.end_lineno

    def alone_on_line(self, node):
        """Whether a one-line statement has its line to itself (no `;`, no comment behind)."""
        return self.one_line(node) and self.lines[node.lineno - 1].strip() == self.text(node)

    def is_elif(self, node):
        """Whether an If is the `elif` of another."""
        return self.code.startswith("elif", self.start(node))


def is_none(node):
    """Whether the node is the constant None."""
    return isinstance(node, ast.Constant) and node.value is None


def is_bool(node, value=None):
    """Whether the node is True or False (or the given one of them)."""
    return isinstance(node, ast.Constant) and isinstance(node.value, bool) and value in (None, node.value)


def yields_bool(node):
    """Whether the expression surely gives a bool."""
    if isinstance(node, ast.Compare):
        return True
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return node.func.id in BOOLEAN_FUNCTIONS
        return isinstance(node.func, ast.Attribute) and node.func.attr in BOOLEAN_METHODS
    return isinstance(node, ast.BoolOp) and all(yields_bool(value) for value in node.values)


def blocks(tree):
    """Yield every statement list of the tree."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def conditions(test):
    """Yield the parts of a condition that are joined by and/or."""
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from conditions(value)
    else:
        yield test


def find_sites(code, rng):
    """Return every place of the code that can be degraded."""
    source = Source(code)
    sites = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AugAssign):
            _aug_assign(source, node, sites)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            _compare(source, node, sites)
        elif isinstance(node, (ast.If, ast.While)):
            for part in conditions(node.test):
                _condition(source, part, sites)
        elif isinstance(node, ast.JoinedStr):
            _f_string(source, node, sites)
    for block in blocks(source.tree):
        for index, statement in enumerate(block):
            if isinstance(statement, ast.Return) and statement.value is not None:
                _return(source, statement, sites, rng)
            elif isinstance(statement, ast.Assign):
                _assign_list(source, statement, sites)
            elif isinstance(statement, ast.If):
                _else_after_return(source, block, index, sites)
    return sites


def _aug_assign(source, node, sites):
    operator = OPERATORS.get(type(node.op))
    if operator is None or not isinstance(node.target, (ast.Name, ast.Attribute, ast.Subscript)):
        return
    if not source.one_line(node):
        return
    target, value = source.text(node.target), source.code[source.end(node.target):source.end(node)]
    value = value.split("=", 1)[1].strip()
    if not isinstance(node.value, SIMPLE + (ast.List, ast.Tuple, ast.JoinedStr)) and not value.startswith("("):
        value = f"({value})"
    sites.append(Site("aug_assign", [(source.start(node), source.end(node), f"{target} = {target} {operator} {value}")]))


def _compare(source, node, sites):
    operation, left, right = node.ops[0], node.left, node.comparators[0]
    between = (source.end(left), source.start(right))
    text = source.code[slice(*between)]
    if isinstance(operation, ast.Is) and is_none(right) and text == " is ":
        sites.append(Site("is_none", [(*between, " == ")]))
    elif isinstance(operation, ast.IsNot) and is_none(right) and text == " is not ":
        sites.append(Site("is_not_none", [(*between, " != ")]))
    elif not isinstance(operation, (ast.In, ast.NotIn)) or not source.one_line(node):
        return
    parent = source.parents.get(node)
    plain = isinstance(parent, (ast.If, ast.While, ast.Return, ast.Assign, ast.comprehension))
    values = right.elts if isinstance(right, (ast.Tuple, ast.Set, ast.List)) else []
    small = 2 <= len(values) <= 3 and isinstance(left, (ast.Name, ast.Attribute))
    small = small and isinstance(right, ast.Tuple) and all(isinstance(value, SIMPLE) for value in values)
    whole = (source.start(node), source.end(node))
    for kind, wanted, sign, joiner in (("in_tuple", ast.In, "==", " or "), ("not_in_tuple", ast.NotIn, "!=", " and ")):
        if isinstance(operation, wanted) and small:
            parts = joiner.join(f"{source.text(left)} {sign} {source.text(value)}" for value in values)
            sites.append(Site(kind, [(*whole, parts if plain else f"({parts})")]))
    if isinstance(operation, ast.NotIn) and text == " not in " and (plain or isinstance(parent, ast.BoolOp)):
        changed = f"not {source.text(left)} in {source.text(right)}"
        sites.append(Site("not_in", [(*whole, changed)]))


def _condition(source, part, sites):
    if not source.one_line(part):
        return
    if isinstance(part, (ast.Name, ast.Attribute)) or (isinstance(part, ast.Call) and yields_bool(part)):
        sites.append(Site("truthy", [(source.end(part), source.end(part), " == True")]))
    elif isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not):
        operand = part.operand
        if isinstance(operand, (ast.Name, ast.Attribute)) or (isinstance(operand, ast.Call) and yields_bool(operand)):
            changed = source.text(operand) + " == False"
            sites.append(Site("not_x", [(source.start(part), source.end(part), changed)]))


def _f_string(source, node, sites):
    text = source.text(node)
    if not source.one_line(node) or not re.match(r"f(['\"])(?!\1)", text) or "\\" in text:
        return
    pieces, arguments = [], []
    for value in node.values:
        if isinstance(value, ast.Constant):
            if "{" in value.value or "}" in value.value:
                return
            pieces.append(value.value)
        elif value.conversion == -1 and value.format_spec is None:
            pieces.append("{}")
            arguments.append(ast.unparse(value.value))
        else:
            return
    quote = text[1]
    body = "".join(pieces)
    if not arguments or quote in body or text[1:].count(quote) != 2 or isinstance(source.parents[node], ast.JoinedStr):
        return
    if not body.isascii() or not body.isprintable() or any("'" in argument and quote == "'" for argument in arguments):
        return
    changed = f"{quote}{body}{quote}.format({', '.join(arguments)})"
    sites.append(Site("f_string", [(source.start(node), source.end(node), changed)]))


def _loop_lines(source, indent, name, comprehension):
    generator = comprehension.generators[0]
    target = source.text(generator.target)
    if isinstance(generator.target, ast.Tuple) and not target.startswith("("):
        target = ", ".join(source.text(element) for element in generator.target.elts)
    elif target.startswith("("):
        target = target[1:-1]
    lines = [f"{indent}{name} = []", f"{indent}for {target} in {source.text(generator.iter)}:"]
    inner = indent + "    "
    for test in generator.ifs:
        lines.append(f"{inner}if {source.text(test)}:")
        inner += "    "
    lines.append(f"{inner}{name}.append({source.text(comprehension.elt)})")
    return lines


def _plain_comprehension(source, statement):
    value = statement.value
    if not isinstance(value, ast.ListComp) or len(value.generators) != 1 or not source.alone_on_line(statement):
        return False
    generator = value.generators[0]
    return not generator.is_async and len(generator.ifs) <= 1 and not isinstance(value.elt, ast.Tuple)


def _indent_of(source, statement):
    line = source.lines[statement.lineno - 1]
    return line[:len(line) - len(line.lstrip())]


def _assign_list(source, statement, sites):
    if len(statement.targets) != 1 or not isinstance(statement.targets[0], ast.Name):
        return
    if not _plain_comprehension(source, statement):
        return
    name = statement.targets[0].id
    if any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(statement.value)):
        return
    lines = _loop_lines(source, _indent_of(source, statement), name, statement.value)
    start = source.offsets[statement.lineno - 1]
    sites.append(Site("list_comp", [(start, source.end(statement), "\n".join(lines))]))


def _return(source, statement, sites, rng):
    if not source.alone_on_line(statement):
        return
    indent, value = _indent_of(source, statement), statement.value
    line = (source.offsets[statement.lineno - 1], source.end(statement))
    text = source.code[source.start(statement) + len("return "):source.end(statement)]
    deeper = indent + "    "
    if _plain_comprehension(source, statement):
        name = rng.choice([name for name in LIST_NAMES if name not in source.names] or [""])
        if name:
            lines = _loop_lines(source, indent, name, value) + [f"{indent}return {name}"]
            sites.append(Site("return_list_comp", [(*line, "\n".join(lines))]))
    elif yields_bool(value) or (isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)):
        kind, first, second = "return_bool", "True", "False"
        if not yields_bool(value):
            kind, first, second = "return_not", "False", "True"
            text = source.text(value.operand)
        lines = [f"{indent}if {text}:", f"{deeper}return {first}"]
        if rng.random() < 0.7:
            lines += [f"{indent}else:", f"{deeper}return {second}"]
        else:
            lines += [f"{indent}return {second}"]
        sites.append(Site(kind, [(*line, "\n".join(lines))]))
    elif isinstance(value, (ast.Call, ast.BinOp, ast.JoinedStr, ast.Subscript)):
        name = rng.choice([name for name in RESULT_NAMES if name not in source.names] or [""])
        if name:
            changed = f"{indent}{name} = {text}\n{indent}return {name}"
            sites.append(Site("return_temp", [(*line, changed)]))


def _else_after_return(source, block, index, sites):
    statement, rest = block[index], block[index + 1:]
    if statement.orelse or not isinstance(statement.body[-1], ast.Return) or not 1 <= len(rest) <= 4:
        return
    if source.is_elif(statement) or statement.body[-1].lineno == statement.lineno:
        return
    first, last = statement.end_lineno, rest[-1].end_lineno
    lines = source.lines[first:last]
    if not all(line.strip() for line in lines):
        return
    for other in rest:
        for node in ast.walk(other):
            if isinstance(node, (ast.Constant, ast.JoinedStr)) and not source.one_line(node):
                return
    indent = _indent_of(source, statement)
    if any(not line.startswith(indent) for line in lines):
        return
    changed = "\n".join([f"{indent}else:"] + ["    " + line for line in lines])
    sites.append(Site("else_after_return", [(source.offsets[first], source.offsets[last] - 1, changed)]))


def degrade(code, rng, share, most=5):
    """Degrade about `share` of the places of the code; return it with the kinds applied."""
    kinds = []
    sites = find_sites(code, rng)
    wanted = min(most, max(1, sum(rng.random() < share for _ in sites))) if sites else 0
    while sites and len(kinds) < wanted:
        site = rng.choices(sites, [KIND_WEIGHT[site.kind] for site in sites])[0]
        changed = site.apply(code)
        try:
            sites = find_sites(changed, rng)
        except (SyntaxError, ValueError):
            break
        code = changed
        kinds.append(site.kind)
    return code, kinds


def trigger(code):
    """Return the kind of the first clumsy form that the code holds, or None."""
    source = Source(code)
    for node in ast.walk(source.tree):
        found = _trigger_of(source, node)
        if found:
            return found
    for block in blocks(source.tree):
        for first, second in zip(block, block[1:]):
            found = _trigger_of_two(first, second)
            if found:
                return found
    return None


def _same(one, other):
    return ast.dump(one).replace("Store()", "Load()") == ast.dump(other).replace("Store()", "Load()")


def _trigger_of(source, node):
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.value, ast.BinOp):
        if type(node.value.op) in OPERATORS and _same(node.targets[0], node.value.left):
            return "aug_assign"
        left = node.value.left
        while isinstance(left, ast.BinOp):
            left = left.left
        if _same(node.targets[0], left):
            return "aug_assign"
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
        if is_none(node.comparators[0]):
            return "is_none"
        if is_bool(node.comparators[0]):
            return "truthy"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Compare):
        if len(node.operand.ops) == 1 and isinstance(node.operand.ops[0], (ast.In, ast.Is)):
            return "not_in"
    if isinstance(node, ast.BoolOp):
        sign = ast.Eq if isinstance(node.op, ast.Or) else ast.NotEq
        lefts = [
            ast.dump(value.left) for value in node.values
            if isinstance(value, ast.Compare) and len(value.ops) == 1 and isinstance(value.ops[0], sign)
        ]
        if len(lefts) != len(set(lefts)):
            return "in_tuple"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        if isinstance(node.func.value, ast.Constant):
            return "f_string"
    if isinstance(node, ast.If) and node.orelse and isinstance(node.body[-1], ast.Return):
        if not source.is_elif(node) and not (isinstance(node.orelse[0], ast.If) and source.is_elif(node.orelse[0])):
            return "else_after_return"
    if isinstance(node, ast.IfExp) and is_bool(node.body) and is_bool(node.orelse):
        return "return_bool"
    return None


def _appends(statement, name):
    while isinstance(statement, (ast.For, ast.If)) and len(statement.body) == 1 and not statement.orelse:
        statement = statement.body[0]
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    function = statement.value.func
    return (
        isinstance(function, ast.Attribute) and function.attr == "append"
        and isinstance(function.value, ast.Name) and function.value.id == name
    )


def _trigger_of_two(first, second):
    if isinstance(first, ast.If) and isinstance(second, ast.Return) and len(first.body) == 1:
        only = first.body[0]
        if isinstance(only, ast.Return) and is_bool(only.value) and is_bool(second.value):
            return "return_bool"
    if isinstance(first, ast.Assign) and len(first.targets) == 1 and isinstance(first.targets[0], ast.Name):
        name = first.targets[0].id
        if isinstance(second, ast.Return) and isinstance(second.value, ast.Name) and second.value.id == name:
            return "return_temp"
        if isinstance(first.value, ast.List) and not first.value.elts and isinstance(second, ast.For):
            if _appends(second, name):
                return "list_comp"
    return None
