"""The product's prompts, rendered from the same data file that the product reads.

Does: load `crates/assist/prompts/demo.json`, render the system text, the user text and
the prefill of one request, and cut a conversation into the pieces that are
tokenised separately (template text with special tokens, contents without).
Does not: tokenise (see `tokenizer.py`) or choose what to ask (see `samples.py`).
Called by: `samples.py`, `evaluate.py`, the golden-prompt tests.
"""

import json
import re
from pathlib import Path

PROMPTS_FILE = Path(__file__).resolve().parents[3] / "crates" / "assist" / "prompts" / "demo.json"

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_PLACEHOLDER = re.compile(r"\{(file|fence|language|text|instruction|reason)\}")


def load_prompts(path=PROMPTS_FILE):
    """Read the prompt pieces."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def fill(template, **values):
    """Replace the placeholders of a template in one pass, so that values are never expanded."""
    return _PLACEHOLDER.sub(lambda match: values.get(match.group(1), match.group(0)), template)


def fence_for(*texts):
    """Return three backticks, or one more than the longest run of three or more in the texts."""
    longest = max((len(run) for text in texts for run in re.findall(r"`+", text)), default=0)
    return "`" * (longest + 1 if longest >= 3 else 3)


def render(prompts, request):
    """Render one request into `system`, `user`, `prefill` and `stop`.

    `request` has `command` (improve, instructed or explain), `file`, `language`,
    `before`, `after`, `selection` and, for instructed, `instruction`; `reason` when it is asked
    again because the last answer could not be used.
    """
    before, after = request.get("before", ""), request.get("after", "")
    selection, language = request["selection"], request.get("language", "python")
    fence = fence_for(before, after, selection)
    parts = [fill(prompts["file"], file=request["file"])]
    for key, text in (("before", before), ("after", after), ("selection", selection)):
        if text or key == "selection":
            parts.append(fill(prompts[key], fence=fence, language=language, text=text))
    command = request["command"]
    parts.append(fill(prompts[command], instruction=request.get("instruction", "")))
    if request.get("reason"):
        parts.append(fill(prompts["retry"], reason=request["reason"]))
    prefill = "" if command == "explain" else fill(prompts["prefill"], fence=fence, language=language)
    return {
        "system": prompts["system"],
        "user": "".join(parts),
        "prefill": prefill,
        "stop": "" if command == "explain" else "\n" + fence,
    }


def conversation_pieces(messages, prefill=""):
    """Cut a conversation into (text, parse_special) pieces, as the product tokenises it."""
    pieces, template = [], ""
    for role, content in messages:
        template += f"<|im_start|>{role}\n"
        pieces += [(template, True), (content, False)]
        template = "<|im_end|>\n"
    pieces.append((template + "<|im_start|>assistant\n", True))
    if prefill:
        pieces.append((prefill, False))
    return pieces


def request_pieces(prompts, request):
    """Cut the prompt of one request into pieces; return them with the rendered texts."""
    rendered = render(prompts, request)
    messages = [("system", rendered["system"]), ("user", rendered["user"])]
    return conversation_pieces(messages, rendered["prefill"]), rendered
