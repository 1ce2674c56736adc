"""Short explanations, composed from the syntax tree of a function.

Does: say what a function takes, does and gives back, and name a few pitfalls that
can be read off the tree.
Does not: understand the code.
Called by: `samples.py`.
"""

import ast


def listed(parts):
    """Join parts as in prose."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def quoted(text, most=60):
    """Return the text as inline code, cut when it is long."""
    text = " ".join(text.split())
    if len(text) > most:
        text = text[:most - 3].rstrip() + "..."
    return f"`{text}`"


def actions(function):
    """Describe up to four things that the function does, in the order of the text."""
    found = []
    nodes = [node for node in ast.walk(function) if hasattr(node, "lineno") and node is not function]
    for node in sorted(nodes, key=lambda item: (item.lineno, item.col_offset)):
        if isinstance(node, ast.For):
            found.append("loops over " + quoted(ast.unparse(node.iter)))
        elif isinstance(node, ast.While):
            found.append("repeats while " + quoted(ast.unparse(node.test)))
        elif isinstance(node, ast.If):
            found.append("checks " + quoted(ast.unparse(node.test)))
        elif isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            found.append("raises " + quoted(ast.unparse(raised)))
        elif isinstance(node, ast.Return) and node.value is not None:
            found.append("returns " + quoted(ast.unparse(node.value)))
        elif isinstance(node, ast.Assign) and len(found) < 2:
            found.append("sets " + quoted(ast.unparse(node.targets[0])))
    return found[:4]


def pitfalls(function):
    """Name pitfalls that can be read off the tree."""
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append("a bare `except` hides every error")
        elif isinstance(node, ast.arguments) and any(isinstance(item, (ast.List, ast.Dict)) for item in node.defaults):
            found.append("a default value is shared between calls")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function.name:
            found.append("it calls itself")
        elif isinstance(node, ast.Raise) and node.exc is not None:
            found.append("it can raise an error")
        elif isinstance(node, ast.While):
            found.append("the loop must come to an end")
    return list(dict.fromkeys(found))[:2]


def explain(code):
    """Explain one function in a short paragraph."""
    function = ast.parse(code).body[0]
    names = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
    kind = "method" if len(names) < len(function.args.args) else "function"
    text = f"The {kind} `{function.name}` takes {listed([f'`{name}`' for name in names]) or 'no arguments'}."
    found = actions(function)
    if found:
        text += f" It {listed(found)}."
    watch = pitfalls(function)
    if watch:
        text += f" Watch out: {listed(watch)}."
    return text
