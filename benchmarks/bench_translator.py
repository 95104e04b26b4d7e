"""Quality of the translator: BLEU (sacrebleu) of Multi30k, English to German, on test 2016, and what it says."""

import argparse
import lzma
import time

from benchmarks.corpus import DATA

Pairs = tuple[list[str], list[str]]


def read() -> dict[str, Pairs]:
    """English and German sentences of each split."""
    splits: dict[str, Pairs] = {}
    with lzma.open(DATA / "translation" / "multi30k-task1.tsv.xz", "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            split, english, german = line.rstrip("\n").split("\t")[:3]
            sources, targets = splits.setdefault(split, ([], []))
            sources.append(english)
            targets.append(german)
    return splits


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks translator", description=__doc__)
    parser.add_argument("--hidden", type=int, default=256, metavar="N", help="(%(default)s)")
    parser.add_argument("--layers", type=int, default=1, metavar="N", help="(%(default)s)")
    parser.add_argument("--vocabulary", type=int, default=6000, metavar="N", help="(%(default)s)")
    parser.add_argument("--dropout", type=float, default=0.3, metavar="P", help="(%(default)s)")
    parser.add_argument("--epochs", type=int, default=10, metavar="N", help="(%(default)s)")
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 5], metavar="N", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(%(default)s)")
    parser.add_argument("-o", "--output", metavar="FILE", help="where the model goes after each epoch")
    given = parser.parse_args(argv)
    import sacrebleu

    import lexigrad
    from lexigrad.models import Translator

    lexigrad.set_num_threads(given.threads)
    splits = read()
    model = Translator(
        hidden_size=given.hidden,
        num_layers=given.layers,
        vocabulary_size=given.vocabulary,
        dropout=given.dropout,
        seed=given.seed,
    )
    began, cpu = time.perf_counter(), time.process_time()
    with lexigrad.progress.bar() as hook:
        model.fit(
            *splits["train"],
            splits["val"],
            epochs=given.epochs,
            lr=2e-3,
            schedule="linear",
            warmup=200,
            checkpoint=given.output,
            progress=hook,
        )
    print(f"{model!r}: {time.perf_counter() - began:.0f} s, {time.process_time() - cpu:.0f} s of CPU")
    print("val loss by epoch " + " ".join(f"{loss:.4f}" for loss in model.history.validations["loss"]), flush=True)
    sources, references = splits["test_2016_flickr"]
    for beam_size in given.beams:
        began = time.perf_counter()
        written = model.translate(sources, beam_size=beam_size)
        bleu = sacrebleu.corpus_bleu(written, [references])
        seconds = time.perf_counter() - began
        print(
            f"beam of {beam_size}: BLEU {bleu.score:.2f}, {len(sources) / seconds:.0f} sentences a second", flush=True
        )
    for source, translation in list(zip(sources, written, strict=True))[:8]:
        print(f"  {source}\n  {translation}")
