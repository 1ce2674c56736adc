"""Functions of the Python standard library, split by source file.

Does: read the modules, leave out those with notices of their own, cut out short
functions with their surroundings, split them by file and drop near-duplicates
across the splits, and describe where everything came from.
Does not: change the code (see `variation.py` and `transforms.py`).
Called by: `prepare.py`.
"""

import ast
import hashlib
import io
import keyword
import os
import platform
import re
import textwrap
import tokenize
from collections import Counter, defaultdict
from pathlib import Path

from .transforms import trigger

LIBRARY = Path(os.__file__).resolve().parent
SKIPPED_FOLDERS = ("test", "tests", "site-packages", "idle_test", "pydoc_data", "__pycache__", "turtledemo")
NOTICE = re.compile(
    r"copyright|all rights reserved|permission (is hereby granted|to use)|licensed (to|under)|\(c\) *(19|20)\d\d",
    re.IGNORECASE,
)
MOST_LINES = 18
MOST_CHARACTERS = 800
LINES_BEFORE = 20
LINES_AFTER = 12
DUPLICATE_JACCARD = 0.7


def split_of(relative_path):
    """Return the split of a file: the whole file goes into one."""
    number = int(hashlib.sha256(relative_path.encode()).hexdigest()[:8], 16) % 100
    return "sealed" if number < 10 else "choose" if number < 17 else "train"


def trim_blank(lines):
    """Drop blank lines at both ends."""
    lines = list(lines)
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def functions_of(text, relative_path, digest):
    """Return the short functions of one file, with their surroundings."""
    found = []
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        first, last = node.lineno - 1, node.end_lineno
        if node.decorator_list and len(found) % 2:
            first = node.decorator_list[0].lineno - 1
        selected = lines[first:last]
        if not 2 <= len(selected) <= 2 * MOST_LINES or not all(line.isascii() for line in selected):
            continue
        code = textwrap.dedent("\n".join(line.rstrip() for line in selected))
        if "\t" in code or not re.match(r"(@|def )", code):
            continue
        code = code_without_long_docstring(code)
        if code is None or not 40 <= len(code) <= MOST_CHARACTERS:
            continue
        before = trim_blank(lines[max(0, first - LINES_BEFORE):first])
        after = trim_blank(lines[last:last + LINES_AFTER])
        found.append({
            "file": relative_path, "digest": digest, "line": first + 1, "name": node.name, "code": code,
            "before": before if all(line.isascii() for line in before) else [],
            "after": after if all(line.isascii() for line in after) else [],
            "indent": len(selected[0]) - len(selected[0].lstrip()),
        })
    return found


def code_without_long_docstring(code):
    """Shorten a docstring of several lines to its first one; None when the code stays too long."""
    try:
        function = ast.parse(code).body[0]
    except SyntaxError:
        return None
    lines = code.split("\n")
    first = function.body[0]
    if ast.get_docstring(function) is not None and first.end_lineno - first.lineno >= 3:
        opening = ast.get_docstring(function).strip().split("\n")[0].strip()
        indent = " " * first.col_offset
        if len(function.body) == 1 or '"' in opening or "\\" in opening or len(opening) > 90:
            return None
        following = lines[first.end_lineno:]
        while following and not following[0].strip():
            following.pop(0)
        lines = lines[:first.lineno - 1] + [f'{indent}"""{opening}"""'] + following
    if len(lines) > MOST_LINES or any(len(line) > 100 for line in lines):
        return None
    code = "\n".join(lines)
    try:
        ast.parse(code)
    except SyntaxError:
        return None
    return code


def normal_tokens(code):
    """Return the tokens with identifiers made alike, for the comparison of functions."""
    tokens = []
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
            tokens.append("name")
        elif token.type == tokenize.STRING:
            tokens.append("string")
        elif token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER):
            tokens.append("indent" if token.type == tokenize.INDENT else token.string)
    return tokens


def shingles(code, width=6):
    """Return the token runs of the code."""
    tokens = normal_tokens(code)
    return {tuple(tokens[i:i + width]) for i in range(max(1, len(tokens) - width + 1))}


def drop_near_duplicates(functions):
    """Drop functions that resemble an earlier one of another split (train first), or equal any earlier one."""
    order = {"train": 0, "choose": 1, "sealed": 2}
    kept, index, sizes, dropped = [], defaultdict(list), [], Counter()
    seen = set()
    for function in sorted(functions, key=lambda item: order[item["split"]]):
        if function["code"] in seen:
            dropped["equal"] += 1
            continue
        seen.add(function["code"])
        marks = shingles(function["code"])
        if function["split"] != "train":
            common = Counter(number for mark in marks for number in index.get(mark, ()))
            close = any(
                count / (len(marks) + sizes[number] - count) > DUPLICATE_JACCARD
                and kept[number]["split"] != function["split"]
                for number, count in common.items()
            )
            if close:
                dropped["near " + function["split"]] += 1
                continue
        for mark in marks:
            index[mark].append(len(kept))
        sizes.append(len(marks))
        kept.append(function)
    return kept, dict(dropped)


def collect(library=LIBRARY):
    """Gather the usable functions; return them with the provenance."""
    functions, files, left_out, ambiguous = [], {}, {}, Counter()
    for path in sorted(library.rglob("*.py")):
        relative = path.relative_to(library)
        if any(part in SKIPPED_FOLDERS for part in relative.parts):
            continue
        relative = relative.as_posix()
        raw = path.read_bytes()
        try:
            text = raw.decode("utf-8")
            notice = NOTICE.search(text)
            if notice:
                left_out[relative] = f"has a notice of its own ({notice.group(0)!r})"
                continue
            found = functions_of(text, relative, hashlib.sha256(raw).hexdigest())
        except (UnicodeDecodeError, SyntaxError) as error:
            left_out[relative] = f"not readable as UTF-8 Python ({type(error).__name__})"
            continue
        for function in found:
            kind = trigger(function["code"])
            function["trigger"] = kind
            function["split"] = split_of(relative)
            if kind:
                ambiguous[kind] += 1
            else:
                functions.append(function)
        if found:
            files[relative] = {"sha256": hashlib.sha256(raw).hexdigest(), "split": split_of(relative)}
    functions, dropped = drop_near_duplicates(functions)
    provenance = {
        "source": "Python standard library",
        "python": platform.python_version(),
        "license": "PSF-2.0",
        "functions": dict(Counter(function["split"] for function in functions)),
        "dropped_as_duplicates": dropped,
        "dropped_because_not_idiomatic": dict(ambiguous),
        "left_out": left_out,
        "files": files,
    }
    return functions, provenance
