"""Evaluation through the product: what a user of `localcoder improve` gets.

Does: write a file for every record, run the product on the selected lines, and report
the figures of `evaluate.py` with the time per call and whether anything outside the
selection changed.
Does not: start a model server of its own or tune anything.
Called by: people who report the figures
(`python -m demo_model.evaluate_product --program PATH --records sealed.json`).
"""

import argparse
import hashlib
import json
import statistics
import subprocess
import tempfile
import textwrap
import time
from pathlib import Path

from .evaluate import judge, percent, summary

HOME = Path(__file__).resolve().parents[1]


def file_of(record):
    """The file that holds the record: its lines, and the selected lines (1-based, inclusive)."""
    before = record["before"].split("\n") + [""] if record["before"] else []
    after = [""] + record["after"].split("\n") if record["after"] else []
    selection = textwrap.indent(record["degraded"], " " * record["indent"]).split("\n")
    first = len(before) + 1
    return before + selection + after, first, first + len(selection) - 1


def improve(program, arguments, path, first, last, seconds):
    """Run the product; return its JSON answer (None when it failed) and the time taken."""
    begun = time.monotonic()
    command = [str(program), "improve", str(path), "--lines", f"{first}-{last}", "--json", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        answer = json.loads(done.stdout) if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        answer = None
    return answer, time.monotonic() - begun


def applied(lines, edit):
    """The lines of the file after the edit."""
    start, end = edit["range"]["start"], edit["range"]["end"]
    replacement = edit["replacement"]
    middle = replacement[:-1] if replacement.endswith("\n") else replacement
    return lines[:start - 1] + middle.split("\n") + lines[end:]


def outcome(record, lines, first, last, answer):
    """The selection after the edit, dedented, and whether the rest of the file is as it was."""
    edit = (answer or {}).get("edit")
    unchanged = bool((answer or {}).get("unchanged")) or edit is None
    after = lines if unchanged else applied(lines, edit)
    tail = len(lines) - last
    head_kept = after[:first - 1] == lines[:first - 1]
    tail_kept = after[len(after) - tail:] == lines[last:]
    selection = "\n".join(after[first - 1:len(after) - tail])
    return textwrap.dedent(selection), head_kept and tail_kept


def main():
    """Run all records and print the figures."""
    parser = argparse.ArgumentParser(prog="evaluate_product", description="Evaluate the demo model in the product.")
    parser.add_argument("--program", type=Path, required=True, help="the localcoder program")
    parser.add_argument("--records", type=Path, default=HOME / "sealed.json")
    parser.add_argument("--answers", type=Path, help="where to keep the answers as JSON")
    parser.add_argument("--count", type=int, default=0, help="use only so many records (0: all)")
    parser.add_argument("--seconds", type=float, default=120.0, help="time limit of one call")
    parser.add_argument("arguments", nargs="*", help="further arguments for the program (after --)")
    options = parser.parse_args()
    raw = options.records.read_bytes()
    records = json.loads(raw)
    records = records[:options.count] if options.count else records
    verdicts, kept, times, failed, outside = [], [], [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for number, record in enumerate(records):
            lines, first, last = file_of(record)
            path = Path(folder) / str(number) / record["file"]
            path.parent.mkdir()
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            answer, seconds = improve(options.program, options.arguments, path, first, last, options.seconds)
            selection, clean = outcome(record, lines, first, last, answer)
            verdict = judge(record, selection)
            if answer is None:
                failed += 1
                verdict = {name: False for name in verdict}
            outside += clean
            times.append(seconds)
            verdicts.append(verdict)
            kept.append({"id": record["id"], "answer": selection, "seconds": round(seconds, 3), **verdict})
    print(f"{options.records.name}, sha256 {hashlib.sha256(raw).hexdigest()}")
    print("\n".join(summary(records, verdicts)))
    print(f"failed calls: {failed}")
    print(f"rest of the file unchanged: {percent(outside, len(records))}")
    print(f"median time of a call: {statistics.median(times):.2f} s")
    if options.answers:
        options.answers.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
