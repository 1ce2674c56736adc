"""Variations of good code, made before it is degraded so that both sides share them.

Does: rename identifiers, change the quote style, drop docstrings, add comments and
blank lines, and bring in idioms that are rare in the sources.
Does not: keep the meaning of the program; only its form matters for the pairs.
Called by: `samples.py`.
"""

import ast
import builtins
import io
import keyword
import re
import tokenize

RESERVED = set(dir(builtins)) | set(keyword.kwlist) | set(keyword.softkwlist) | {
    "self", "cls", "append", "format", "startswith", "endswith", "join", "items", "keys", "values", "None",
}
COMMENTS = (
    "TODO: check this", "nothing to do", "keep the order", "see the caller", "first the easy case",
    "remember the last one", "not needed here", "fast path", "slow path", "only when it is set",
    "the rest is done later", "this may be empty", "for now", "defaults", "skip what is not wanted",
    "add it to the others", "look it up", "found one", "make sure that it is there", "count them",
)
DOCSTRING_STARTS = (
    "Return the", "Check the", "Compute the", "Get the", "Set the", "Find the", "Read the", "Collect the",
    "Handle the", "Update the", "Count the", "Make a", "Add a", "Remove the", "Tell whether the", "Build the",
)
TYPES = ("int", "str", "bool", "float", "list", "dict", "list[str]", "list[int]", "dict[str, int]", "str | None",
         "bytes", "object", "tuple[int, int]", "set[str]", "Any", "Path", "Optional[str]", "List[str]", "Iterable[int]")


def new_name(rng, words):
    """Make up an identifier."""
    draw = rng.random()
    if draw < 0.05:
        return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(1, 7)))
    count = rng.choices((1, 2, 3, 4), (40, 35, 18, 7))[0]
    parts = rng.choices(words, k=count)
    if draw < 0.10:
        return parts[0] + "".join(part.capitalize() for part in parts[1:])
    name = "_".join(parts)
    if draw < 0.16:
        name = "_" + name
    if draw > 0.94:
        name += str(rng.randint(0, 99))
    return name


def rename(code, before, after, rng, words):
    """Rename most identifiers of the code, in its surroundings as well."""
    identifiers = set()
    for node in ast.walk(ast.parse(code)):
        for name in ("id", "arg", "attr", "name"):
            value = getattr(node, name, None)
            if isinstance(value, str):
                identifiers.add(value)
    share = rng.choice((0.3, 0.6, 0.9))
    mapping = {}
    for identifier in sorted(identifiers):
        if identifier in RESERVED or identifier.startswith("__") or rng.random() > share:
            continue
        name = new_name(rng, words)
        if name not in RESERVED and name not in identifiers and name not in mapping.values():
            mapping[identifier] = name
    if not mapping:
        return code, before, after
    pattern = re.compile(r"(?<![\w\\])(?:" + "|".join(map(re.escape, mapping)) + r")(?!\w)")

    def replaced(text):
        return pattern.sub(lambda match: mapping[match.group(0)], text)

    return replaced(code), [replaced(line) for line in before], [replaced(line) for line in after]


def with_quotes(code, quote):
    """Write the strings of the code with the given quote where that needs no escapes."""
    other = "'" if quote == '"' else '"'
    if other not in code:
        return code
    lines = code.split("\n")
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(code).readline))):
        if token.type != tokenize.STRING or token.start[0] != token.end[0]:
            continue
        text = token.string
        prefix = text[:len(text) - len(text.lstrip("rbfuRBFU"))]
        body = text[len(prefix):]
        if not body.startswith(other) or body.startswith(other * 3) or "\\" in body:
            continue
        if quote in body:
            if "f" not in prefix.lower():
                continue
            body = body.translate(str.maketrans("'\"", "\"'"))
        else:
            body = quote + body[1:-1] + quote
        row = token.start[0] - 1
        lines[row] = lines[row][:token.start[1]] + prefix + body + lines[row][token.end[1]:]
    return "\n".join(lines)


def without_docstring(code):
    """Drop the docstring of the function."""
    function = ast.parse(code).body[0]
    first = function.body[0]
    if ast.get_docstring(function) is None or len(function.body) == 1 or first.lineno == function.lineno:
        return code
    lines = code.split("\n")
    rest = lines[first.end_lineno:]
    while rest and not rest[0].strip():
        rest.pop(0)
    return "\n".join(lines[:first.lineno - 1] + rest)


def with_docstring(code, rng, words):
    """Give the function a short docstring of made-up words."""
    function = ast.parse(code).body[0]
    first = function.body[0]
    if ast.get_docstring(function) is not None or first.lineno <= function.lineno:
        return code
    text = f"{rng.choice(DOCSTRING_STARTS)} {' '.join(rng.choices(words, k=rng.randint(1, 4)))}."
    lines = code.split("\n")
    indent = " " * first.col_offset
    place = first.lineno - 1
    while lines[place - 1].strip().startswith("#"):
        place -= 1
    lines.insert(place, f'{indent}"""{text}"""')
    return "\n".join(lines)


def with_comment(code, rng, words):
    """Put a comment or a blank line before some statement of the function."""
    tree = ast.parse(code)
    statements = [node for node in ast.walk(tree.body[0]) if isinstance(node, ast.stmt)][1:]
    lines = code.split("\n")
    statement = rng.choice(statements)
    line = lines[statement.lineno - 1]
    indent = line[:len(line) - len(line.lstrip())]
    if len(indent) != statement.col_offset or line.lstrip().startswith(("elif", "else")):
        return code
    if rng.random() < 0.7:
        text = rng.choice(COMMENTS) if rng.random() < 0.5 else " ".join(rng.choices(words, k=rng.randint(2, 5)))
        if rng.random() < 0.15 and statement.lineno == statement.end_lineno and not isinstance(statement, ast.Return):
            lines[statement.lineno - 1] += f"  # {text}"
        else:
            lines.insert(statement.lineno - 1, f"{indent}# {text}")
    else:
        lines.insert(statement.lineno - 1, "")
    changed = "\n".join(lines)
    return changed if _parses(changed) else code


def with_type_hints(code, rng):
    """Annotate the parameters and the result with made-up types."""
    head, found, rest = code.partition("):\n")
    match = re.match(r"def (\w+)\(([\w, ]*)$", head)
    if not match or not found:
        return code
    parameters = []
    for parameter in filter(None, match.group(2).split(", ")):
        plain = parameter in ("self", "cls")
        parameters.append(parameter if plain or rng.random() < 0.1 else f"{parameter}: {rng.choice(TYPES)}")
    result = f" -> {rng.choice(TYPES + ('None', 'bool', 'str', 'int'))}"
    return f"def {match.group(1)}({', '.join(parameters)}){result}:\n{rest}"


def with_f_strings(code):
    """Turn simple `'...%s...' % name` into f-strings, which are rare in the sources."""
    tree = ast.parse(code)
    lines = code.split("\n")
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod)]
    for node in sorted(nodes, key=lambda item: (-item.lineno, -item.col_offset)):
        if node.lineno != node.end_lineno or not isinstance(node.left, ast.Constant):
            continue
        line = lines[node.lineno - 1]
        text = line[node.left.col_offset:node.left.end_col_offset]
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        if not re.fullmatch(r"(['\"])[^'\"\\{}]*\1", text) or re.sub(r"%[sdr]", "", text).count("%"):
            continue
        written = [ast.unparse(value) for value in values]
        if text.count("%") != len(values) or any(re.search(r"['\"{}\\:]", value) for value in written):
            continue
        iterator = iter(written)
        changed = "f" + re.sub(
            r"%([sdr])", lambda match: "{" + next(iterator) + ("!r}" if match.group(1) == "r" else "}"), text)
        lines[node.lineno - 1] = line[:node.col_offset] + changed + line[node.end_col_offset:]
    changed = "\n".join(lines)
    return changed if _parses(changed) else code


def with_tuple_tests(code, rng, words):
    """Turn some `name == 'text'` into membership tests, which are rare in the sources."""
    def replaced(match):
        if rng.random() < 0.5:
            return match.group(0)
        quote = match.group(3)[0]
        number = quote not in "'\""
        others = [str(rng.randint(0, 99)) if number else quote + rng.choice(words) + quote
                  for _ in range(rng.choice((1, 1, 2)))]
        sign = "in" if match.group(2) == "==" else "not in"
        return f"{match.group(1)} {sign} ({', '.join([match.group(3)] + others)}){match.group(4)}"

    changed = re.sub(r"(?<=if )([\w.]+) (==|!=) ('[^'\\]*'|\"[^\"\\]*\"|\d+)(:| and | or )", replaced, code)
    return changed if _parses(changed) else code


def with_loop_total(code, rng, words):
    """Put an augmented assignment into a loop body that has none, with its start and its return."""
    match = re.search(r"^( *)for ([\w, ]+) in [^\n]+:\n", code, re.MULTILINE)
    if not match or "+=" in code:
        return code
    indent = match.group(1)
    name = rng.choice(("total", "count", "text", "size", "length", "score", new_name(rng, words)))
    operator = rng.choice(("+", "+", "+", "-", "*"))
    last = match.group(2).split(", ")[-1].strip()
    value = rng.choice((last, "1", f"len({last})", f"{last}.{rng.choice(words)}", f"{last}[{rng.choice(words)!r}]"))
    line = f"{indent}    {name} {operator}= {value}\n"
    start = f"{indent}{name} = {rng.choice(('0', '0', '1', repr('')))}\n"
    changed = code[:match.start()] + start + match.group(0) + line + code[match.end():]
    return changed if _parses(changed) else code


def _parses(code):
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    return True


def vary(function, rng, words):
    """Return a variation of a function: its code, the lines before and the lines after."""
    code, before, after = function["code"], function["before"], function["after"]
    if rng.random() < 0.4:
        code = without_docstring(code)
    if rng.random() < 0.6:
        code = with_f_strings(code)
    if rng.random() < 0.4:
        code = with_tuple_tests(code, rng, words)
    if rng.random() < 0.3:
        code = with_loop_total(code, rng, words)
    if rng.random() < 0.15:
        code = with_type_hints(code, rng)
    if rng.random() < 0.8:
        code, before, after = rename(code, before, after, rng, words)
    if rng.random() < 0.2:
        code = with_docstring(code, rng, words)
    while rng.random() < 0.25:
        code = with_comment(code, rng, words)
    draw = rng.random()
    if draw < 0.8:
        code = with_quotes(code, '"' if draw < 0.5 else "'")
    return code, before, after
