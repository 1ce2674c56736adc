"""Evaluation of a checkpoint on records, with greedy decoding in numpy.

Does: ask for an improvement of every record, as the product does, and report how many
answers parse, make the intended edit, and leave good code alone.
Does not: go through the product (see `evaluate_product.py`).
Called by: `__main__.py`.
"""

import ast
import json
from collections import Counter

from .decode import Decoder
from .prompts import load_prompts, request_pieces
from .tokenizer import encode_pieces, load_tokenizer
from .train import load_checkpoint


def parses(code):
    """Whether the code is valid Python."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    return True


def same_code(one, other):
    """Whether two texts are the same program (formatting and comments aside)."""
    return one == other or (parses(one) and ast.dump(ast.parse(one)) == ast.dump(ast.parse(other)))


def judge(record, answer):
    """Compare one answer with its record."""
    return {
        "parses": parses(answer),
        "intended": same_code(answer, record["good"]),
        "exact": answer == record["good"],
        "unchanged": answer == record["degraded"],
    }


def percent(part, whole):
    """A share as text."""
    return f"{100 * part / max(1, whole):.1f} % ({part}/{whole})"


def summary(records, verdicts):
    """Gather the figures of many verdicts into lines of text."""
    pairs = list(zip(records, verdicts))
    edits = [verdict for record, verdict in pairs if record["transforms"]]
    quiet = [verdict for record, verdict in pairs if not record["transforms"]]
    lines = [
        f"records: {len(pairs)}",
        f"parses: {percent(sum(verdict['parses'] for verdict in verdicts), len(pairs))}",
        f"intended edit: {percent(sum(verdict['intended'] for verdict in edits), len(edits))}",
        f"intended edit, to the letter: {percent(sum(verdict['exact'] for verdict in edits), len(edits))}",
        f"left alone: {percent(sum(verdict['unchanged'] for verdict in quiet), len(quiet))}",
    ]
    seen, right = Counter(), Counter()
    for record, verdict in pairs:
        for kind in set(record["transforms"]):
            seen[kind] += 1
            right[kind] += verdict["intended"]
    lines += [f"  {kind}: {percent(right[kind], count)}" for kind, count in seen.most_common()]
    return lines


class Improver:
    """Answers requests with a decoder."""

    def __init__(self, work):
        self.tokenizer = load_tokenizer(work / "tokenizer.json")
        self.checkpoint = load_checkpoint(work)
        self.decoder = Decoder(self.checkpoint["weights"])
        self.prompts = load_prompts()
        self.ends = {self.tokenizer.token_to_id(token) for token in ("<|im_end|>", "<|endoftext|>")}

    def answer(self, request):
        """The answer to one request, cut at the closing fence as the product does."""
        pieces, rendered = request_pieces(self.prompts, request)
        tokens = encode_pieces(self.tokenizer, pieces)
        made = self.tokenizer.decode(self.decoder.generate(tokens, self.ends), skip_special_tokens=False)
        return made.split(rendered["stop"])[0] if rendered["stop"] else made


def request_of(record):
    """The request that a record stands for."""
    return {
        "command": "improve", "file": record["file"], "language": "python", "before": record["before"],
        "after": record["after"], "selection": record["degraded"],
    }


def evaluate(work, path, count=0):
    """Evaluate the latest checkpoint; print the figures and keep the answers."""
    records = json.loads(path.read_text(encoding="utf-8"))
    records = records[:count] if count else records
    improver = Improver(work)
    answers = [improver.answer(request_of(record)) for record in records]
    verdicts = [judge(record, answer) for record, answer in zip(records, answers)]
    print(f"step {improver.checkpoint['step']}, {path.name}")
    print("\n".join(summary(records, verdicts)), flush=True)
    kept = [{"id": record["id"], "answer": answer, **verdict}
            for record, answer, verdict in zip(records, answers, verdicts)]
    (work / f"answers-{path.stem}.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
