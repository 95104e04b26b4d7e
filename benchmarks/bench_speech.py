"""Quality of the speech recogniser: strings of spoken digits, joined from recordings of the Free Spoken Digit Dataset.

Training strings are joined from recordings of the official training split, in other tempos, loudness and pauses; test
strings from those of the official test split as they are, each recording once. With --speaker all recordings of a
speaker are held out instead, and are the test.
"""

import argparse
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.corpus import DATA

RATE = 8000

Strings = tuple[list[NDArray[np.float32]], list[str]]


class Recordings:
    """The recordings, and what tells them apart."""

    def __init__(self) -> None:
        with np.load(DATA / "speech" / "fsdd-8khz.npz") as data:
            bounds = zip(data["offsets"], data["offsets"][1:], strict=False)
            samples = data["audio"].astype(np.float32) / 32768
            self.clips = [samples[begin:end] for begin, end in bounds]
            self.digit, self.speaker, self.is_test = data["digit"], data["speaker"], data["is_test"].astype(bool)
            self.speakers = [str(name) for name in data["speaker_names"]]
            self.words = [str(word) for word in data["transcripts"]]

    def strings(self, chosen: NDArray[Any], count: int, most: int, rng: np.random.Generator, varied: bool) -> Strings:
        """Strings of 1 to ``most`` digits of one speaker each; each chosen recording occurs about equally often."""
        sounds, texts = [], []
        queues: dict[int, list[int]] = {}
        while len(sounds) < count:
            speaker = int(rng.choice(np.unique(self.speaker[chosen])))
            places: list[int] = []
            for _ in range(rng.integers(1, most + 1)):
                queue = queues.setdefault(speaker, [])
                if not queue:
                    queue += rng.permutation(chosen[self.speaker[chosen] == speaker]).tolist()
                places.append(queue.pop())
            tempo = rng.uniform(0.8, 1.25) if varied else 1.0
            gain = np.exp(rng.uniform(-1, 1)) if varied else 1.0
            parts = []
            for place in places:
                clip = self.clips[place]
                if varied:
                    clip = np.interp(np.arange(0, len(clip) - 1, tempo), np.arange(len(clip)), clip)
                    parts.append(np.zeros(rng.integers(0, RATE // 5)))
                parts.append(clip)
            sound = gain * np.concatenate(parts)
            if varied:
                sound = sound + rng.uniform(0, 0.003) * rng.standard_normal(len(sound))
            sounds.append(np.clip(sound, -1, 1).astype(np.float32))
            texts.append(" ".join(self.words[self.digit[place]] for place in places))
        return sounds, texts


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks speech", description=__doc__)
    parser.add_argument("--speaker", metavar="NAME", help="hold this speaker out")
    parser.add_argument("--unit", choices=("char", "word"), default="word", help="(%(default)s)")
    parser.add_argument("--strings", type=int, default=2000, metavar="N", help="to train on (%(default)s)")
    parser.add_argument("--epochs", type=int, default=12, metavar="N", help="(%(default)s)")
    parser.add_argument("--hidden", type=int, default=96, metavar="N", help="(%(default)s)")
    parser.add_argument("--layers", type=int, default=1, metavar="N", help="(%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(%(default)s)")
    given = parser.parse_args(argv)
    import lexigrad
    from lexigrad.models import SpeechRecognizer

    lexigrad.set_num_threads(given.threads)
    data = Recordings()
    held_out = data.is_test
    if given.speaker:
        held_out = data.speaker == data.speakers.index(given.speaker)
    for seed in given.seeds:
        rng = np.random.default_rng(seed)
        learnt = data.strings(np.flatnonzero(~held_out & ~data.is_test), given.strings, 4, rng, varied=True)
        judged = data.strings(np.flatnonzero(held_out), 300, 7, np.random.default_rng(0), varied=False)
        recognizer = SpeechRecognizer(given.unit, hidden_size=given.hidden, num_layers=given.layers, stack=3, seed=seed)
        began = time.perf_counter()
        recognizer.fit(*learnt, epochs=given.epochs, batch_size=8, schedule="linear", lr=4e-3)
        seconds = time.perf_counter() - began
        words = sum(len(text.split()) for text in judged[1])
        print(f"seed {seed}: {seconds:.0f} s; {len(judged[1])} test strings of {words} digits")
        print(" loss " + " ".join(f"{loss:.3f}" for loss in recognizer.history.losses[:: max(1, given.strings // 160)]))
        for beam_size in (1, 16):
            rates = recognizer.evaluate(*judged, beam_size=beam_size)
            print(f"beam {beam_size}: WER {100 * rates.words:.2f} %, CER {100 * rates.characters:.2f} %", flush=True)
