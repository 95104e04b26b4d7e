"""Tell what each name in Python code is - a class, a function, an argument, an attribute - from a line alone.

The data are the standard library: its own parser says what each name is. Modules that the test takes are not learnt.

    python examples/tagger.py [--quick] [--figure FILE]
"""

import argparse
import ast
import tokenize
import zlib
from collections import Counter
from pathlib import Path

from lexigrad.models import SequenceTagger

Sentences = tuple[list[list[str]], list[list[str]]]


def roles(source: str) -> dict[tuple[int, int], str]:
    """(line, column) of names -> what they are."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg):
            found[node.lineno, node.col_offset] = "argument"
        elif isinstance(node, ast.FunctionDef):
            found[node.lineno, node.col_offset + len("def ")] = "function"
        elif isinstance(node, ast.ClassDef):
            found[node.lineno, node.col_offset + len("class ")] = "class"
        elif isinstance(node, ast.Attribute) and node.end_lineno is not None and node.end_col_offset is not None:
            found[node.end_lineno, node.end_col_offset - len(node.attr)] = "attribute"
        elif isinstance(node, ast.Name):
            found[node.lineno, node.col_offset] = "variable"
    return found


def lines(path: Path) -> Sentences:
    """The lines of a module as tokens, and the role of each name; "-" for what is no name."""
    found = roles(path.read_text("utf-8"))
    X: list[list[str]] = [[]]
    y: list[list[str]] = [[]]
    with open(path, "rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.NEWLINE:
                X.append([])
                y.append([])
            elif token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER):
                X[-1].append(token.string)
                y[-1].append(found.get(token.start, "-"))
    kept = [(words, tags) for words, tags in zip(X, y, strict=True) if 1 < len(words) <= 30]
    return [words for words, _ in kept], [tags for _, tags in kept]


def library(count: int) -> tuple[Sentences, Sentences]:
    """So many modules to learn, and others for the test: a tenth, chosen by their names."""
    train: Sentences = ([], [])
    test: Sentences = ([], [])
    modules = sorted(path for path in Path(ast.__file__).parent.glob("*.py") if path.read_bytes().isascii())
    for path in modules[:count]:
        part = test if zlib.crc32(path.name.encode()) % 10 == 0 else train
        for column, more in zip(part, lines(path), strict=True):
            column += more
    return train, test


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little data, one epoch: only that it runs")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the curves of the training (matplotlib)")
    args = parser.parse_args()

    train, test = library(12 if args.quick else 40)
    if args.quick:
        train, test = (train[0][:300], train[1][:300]), (train[0][300:330], train[1][300:330])
    model = SequenceTagger(hidden_size=64, char_size=16)
    model.fit(*train, epochs=1 if args.quick else 2, batch_size=64, lr=5e-3, schedule="linear")
    commonest = Counter(tag for tags in test[1] for tag in tags).most_common(1)[0]
    share = commonest[1] / sum(map(len, test[1]))
    score = 100 * model.score(*test)
    print(f"{len(train[0]):,} lines learnt; {score:.1f} % of the tags of {len(test[0]):,} others right")
    print(f"(always {commonest[0]!r}: {100 * share:.1f} %)")
    line = ["class", "Kite", "(", "Toy", ")", ":", "wind", "=", "sky", ".", "gust", "(", "self", ",", "knots", ")"]
    for word, tag in zip(line, model.predict([line])[0], strict=True):
        if tag != "-":
            print(f"  {word:<8} {tag}")
    if args.figure:
        from lexigrad.plot import plot_history

        plot_history(model.history, args.figure)


if __name__ == "__main__":
    main()
