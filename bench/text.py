"""The text core against its peers: python bench/text.py [--json FILE] [PART ...]. Answers are compared before the clock starts.

Each part is a file of its own (text_tokenization.py, text_cleaning.py, ...) with a function that returns figures, and reasons for those that
it could not take. One thread each unless a figure says otherwise.
"""

import os

os.environ["RAYON_NUM_THREADS"] = "1"  # read when tokenizers starts its pool
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import argparse
from importlib import import_module
from importlib.util import find_spec

from ayar.ops import backend
from reporting import write_report

PARTS = {
    "tokenization": "tokenization_figures",
    "cleaning": "cleaning_figures",
    "spans": "span_figures",
    "spelling": "spelling_figures",
    "near_duplicates": "near_duplicate_figures",
}


def main() -> None:
    there = [part for part in PARTS if find_spec(f"text_{part}")]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *there], metavar="PART", help=f"all, or some of: {', '.join(there)}")
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    arguments = parser.parse_args()
    figures: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for part in arguments.parts or there:
        backend.native().set_thread_count(1)
        more_figures, more_reasons = getattr(import_module(f"text_{part}"), PARTS[part])()
        figures |= more_figures
        reasons |= more_reasons
    write_report(arguments.json, figures, reasons)


if __name__ == "__main__":
    main()
