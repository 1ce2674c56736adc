"""Renders conversations with templates as Hugging Face's `transformers` does, in Jinja2.

Takes a folder of templates and the conversations; prints one result a line. What a template refuses
is put to it again in the ways that the product has, so that those are compared as well.
"""

import hashlib
import json
import sys
from datetime import datetime, timezone
from pathlib import Path

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """`{% generation %}`, which marks what an assistant says and writes what is in it."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("write"), [], [], body).set_lineno(line)

    @staticmethod
    def write(caller):
        return caller()


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def environment(date):
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    env.filters["tojson"] = to_json
    env.globals["raise_exception"] = refuse
    now = datetime.fromtimestamp(date, timezone.utc)
    env.globals["strftime_now"] = now.strftime
    return env


def folded(messages):
    """The system message at the head of the first question."""
    if messages[0]["role"] != "system":
        return None
    rest = [dict(message) for message in messages[1:]]
    user = next((message for message in rest if message["role"] == "user"), None)
    if user is None:
        return None
    user["content"] = messages[0]["content"] + "\n\n" + user["content"]
    return rest


def joined(messages):
    """What one says in several messages, in one."""
    turns = []
    for message in messages:
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += "\n\n" + message["content"]
        else:
            turns.append(dict(message))
    return turns if len(turns) < len(messages) else None


def ways(messages):
    yield "as it is", messages
    if (fold := folded(messages)) is not None:
        yield "folded", fold
    if (join := joined(messages)) is not None:
        yield "joined", join
        if (both := folded(join)) is not None:
            yield "folded, joined", joined(both) or both


def switches(source, given):
    """What turns thinking off, with the least effort that the template knows."""
    known = [it for it in given["efforts"] if f'"{it}"' in source or f"'{it}'" in source]
    return {**given["switches"], "reasoning_effort": (known or ["low"])[0]}


def variables(source, messages, given, tools):
    return {
        "messages": messages,
        "tools": tools,
        "documents": None,
        "add_generation_prompt": True,
        "bos_token": given["bos_token"],
        "eos_token": given["eos_token"],
        **switches(source, given),
    }


def render(template, names):
    text = template.render(**names)
    for message in names["messages"]:
        if message["content"].strip() not in text:
            refuse("something that was said is gone")
    return text


def result_of(template, source, conversation, given):
    result = {"prefill": conversation["prefill"]}
    for way, messages in ways(conversation["messages"]):
        # Templates that are for tools alone go through them without asking whether there are any.
        for tools in (None, []):
            names = variables(source, messages, given, tools)
            try:
                text = render(template, names)
            except Exception as error:
                result.setdefault("refused", str(error)[:200])
                continue
            result["way"] = way
            result["text"] = text + conversation["prefill"]
            result["given"] = {"date": given["date"], **names}
            return result
    return result


def main():
    folder, given = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8"))
    env = environment(given["date"])
    for path in sorted(folder.glob("*.jinja")):
        data = path.read_bytes()
        source = data.decode("utf-8")
        template = env.from_string(source)
        for conversation in given["conversations"]:
            result = result_of(template, source, conversation, given)
            result["template"] = path.name
            result["sha256"] = hashlib.sha256(data).hexdigest()
            result["conversation"] = conversation["name"]
            print(json.dumps(result, ensure_ascii=False, sort_keys=True))


if __name__ == "__main__":
    main()
