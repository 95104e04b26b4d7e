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
        speakers = np.unique(self.speaker[chosen])
        queues: dict[int, list[int]] = {}
        while len(sounds) < count:
            speaker = int(rng.choice(speakers))
            places: list[int] = []
            for _ in range(rng.integers(1, most + 1)):
                queue = queues.setdefault(speaker, [])
                if not queue:
                    queue += rng.permutation(chosen[self.speaker[chosen] == speaker]).tolist()
                places.append(queue.pop())
            clips = [self.clips[place] for place in places]
            sounds.append(_varied(clips, rng) if varied else np.concatenate(clips))
            texts.append(" ".join(self.words[self.digit[place]] for place in places))
        return sounds, texts


def _varied(clips: list[NDArray[np.float32]], rng: np.random.Generator) -> NDArray[np.float32]:
    """Clips in a row, in another tempo and loudness, some after a pause, in noise."""
    tempo, parts = rng.uniform(0.85, 1.18), []
    for clip in clips:
        if rng.random() < 0.5:
            parts.append(np.zeros(rng.integers(0, RATE // 5)))
        step = tempo * rng.uniform(0.93, 1.07)
        stretched = np.interp(np.arange(0, len(clip) - 1, step), np.arange(len(clip)), clip)
        parts.append(np.exp(rng.uniform(-0.5, 0.5)) * stretched)
    sound = np.exp(rng.uniform(-1, 1)) * np.concatenate(parts)
    noise = 10 ** rng.uniform(-5, -2.3) * rng.standard_normal(len(sound))
    return np.clip(sound + noise, -1, 1).astype(np.float32)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks speech", description=__doc__)
    parser.add_argument("--speaker", metavar="NAME", help="hold this speaker out")
    parser.add_argument("--unit", choices=("char", "word"), default="word", help="(%(default)s)")
    parser.add_argument("--strings", type=int, default=9000, metavar="N", help="to train on (%(default)s)")
    parser.add_argument("--epochs", type=int, default=7, metavar="N", help="(%(default)s)")
    parser.add_argument("--hidden", type=int, default=96, metavar="N", help="(%(default)s)")
    parser.add_argument("--layers", type=int, default=2, metavar="N", help="(%(default)s)")
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
        recognizer = SpeechRecognizer(given.unit, "gru", given.hidden, given.layers, stack=3, seed=seed)
        began, cpu = time.perf_counter(), time.process_time()
        recognizer.fit(*learnt, epochs=given.epochs, batch_size=16, schedule="cosine", warmup=50, lr=4e-3)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        words = sum(len(text.split()) for text in judged[1])
        print(f"seed {seed}: {seconds:.0f} s, {cpu:.0f} s of CPU; {len(judged[1])} test strings of {words} digits")
        losses = recognizer.history.losses
        print(" loss " + " ".join(f"{loss:.3f}" for loss in losses[:: max(1, len(losses) // 12)]))
        for beam_size in (1, 16):
            rates = recognizer.evaluate(*judged, beam_size=beam_size)
            print(f"beam {beam_size}: WER {100 * rates.words:.2f} %, CER {100 * rates.characters:.2f} %", flush=True)
