"""Captions: the features of a picture in, a sentence out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lexigrad.models.batches import pad_sequences
from lexigrad.models.encoder_decoder import Ids, States, WritingNetwork, source_mask
from lexigrad.models.writing import Alignment, Pairs, WritingModel, check_sentences
from lexigrad.nn.linear import Linear
from lexigrad.ops.elementwise import tanh, where
from lexigrad.ops.shape import unsqueeze
from lexigrad.tensor import Array, Tensor

Image = NDArray[np.float32]


class CaptionNetwork(WritingNetwork):
    """Sources are places of pictures (P, B, F), which one layer makes what attention looks at.

        m_p = tanh(W (x_p - mean) / deviation + b)         h_0, c_0 = tanh(U mean_p(m_p) + d)

    The first states of the decoder are those of Xu et al. 2015 (Show, attend and tell), section 3.1.2.

    Attributes:
        project: Linear W.
        start: Linear U, for the states of all layers.
        mean, deviation: (F,) of the training's features.
    """

    def __init__(
        self,
        size: int,
        embedding_size: int,
        hidden_size: int,
        num_layers: int,
        cell: str,
        score: str,
        dropout: float,
        tied: bool,
        mean: Image,
        deviation: Image,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(size, embedding_size, hidden_size, num_layers, cell, score, dropout, tied, rng)
        self.mean, self.deviation = mean, deviation
        self._states = (num_layers, 2 if cell == "lstm" else 1, hidden_size)
        self.project = Linear(len(mean), hidden_size, rng=rng)
        self.start = Linear(hidden_size, int(np.prod(self._states)), rng=rng)

    def batch(self, sources: Sequence[Array]) -> tuple[Array, Ids]:
        return pad_sequences(sources, 0, np.float32)

    def encode(self, source: Array, lengths: Ids) -> tuple[Tensor, States]:
        normal = ((source - self.mean) / self.deviation).astype(self.project.weight.dtype)
        memory = self.dropout(tanh(self.project(Tensor(normal))))
        inside = source_mask(lengths, len(source)).T[:, :, None]  # (P, B, 1)
        pooled = where(inside, memory, 0.0).sum(0) / lengths[:, None].astype(memory.dtype)
        first = tanh(self.start(pooled)).reshape(len(lengths), *self._states)
        layers, kinds, _ = self._states
        return memory, [tuple(unsqueeze(first[:, layer, kind], 0) for kind in range(kinds)) for layer in range(layers)]


class Captioner(WritingModel):
    """A decoder with attention that writes a sentence about a picture (Xu et al. 2015).

    Sources are pictures as numbers: for each an array (F,), or (P, F) with the features of P places of it, that
    attention looks at; P may differ, F may not. What the numbers are is up to you: the output of a network for
    pictures, ``lexigrad.pictures.picture_features``, or measurements of anything else. They need no scaling. Targets
    are captions: for each picture a str, or a list of several.

    Args:
        cell: "lstm", "gru" or "rnn".
        hidden_size, num_layers: of the decoder; from the second layer on connections are residual.
        embedding_size: dimensions; None: ``hidden_size``.
        attention: "general" or "dot" (Luong et al. 2015), or "additive" (Bahdanau et al. 2015).
        dropout: of the places, before each layer and before the output.
        tied: one matrix is both embeddings and the output's weights.
        label_smoothing: share of a target's probability that all units divide among them.
        unit: "word", or "bpe", byte-pair encoding by the tokenizers library (``lexigrad[subwords]``).
        vocabulary_size: units, at most.
        min_count: rarer words are unknown; rarer pairs are not merged.
        max_length: captions with more units are left out of the training, and none is written.
        seed: of first weights, dropout and order.

    Attributes:
        pieces: the units; None before training.
        network: the layers.

    Raises:
        ValueError: a setting is out of range.

    >>> captioner = Captioner().fit(features, captions, epochs=20)
    >>> captioner.caption(features[:1])
    ['a red circle above a blue square .']
    """

    network: CaptionNetwork | None = None

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 256,
        num_layers: int = 1,
        *,
        embedding_size: int | None = None,
        attention: str = "additive",
        dropout: float = 0.3,
        tied: bool = True,
        label_smoothing: float = 0.0,
        unit: str = "word",
        vocabulary_size: int = 8000,
        min_count: int = 2,
        max_length: int = 50,
        seed: int = 1,
    ) -> None:
        super().__init__(
            cell,
            hidden_size,
            num_layers,
            embedding_size,
            attention,
            dropout,
            tied,
            label_smoothing,
            unit,
            vocabulary_size,
            min_count,
            max_length,
            seed,
        )
        self._mean = np.zeros(0, np.float32)
        self._deviation = np.ones(0, np.float32)

    def caption(
        self,
        images: Sequence[ArrayLike],
        *,
        beam_size: int = 5,
        length_penalty: float = 1.0,
        coverage_penalty: float = 0.0,
        max_length: int | None = None,
        batch_size: int = 32,
    ) -> list[str]:
        """The most probable captions that a beam search finds; arguments and errors as of :meth:`hypotheses`.

        Args:
            images: features of pictures, (N, F), (N, P, F) or a list of (F,) or (P, F).
        """
        return self._best(
            self.hypotheses(
                images,
                beam_size=beam_size,
                length_penalty=length_penalty,
                coverage_penalty=coverage_penalty,
                max_length=max_length,
                batch_size=batch_size,
            )
        )

    def align(self, image: ArrayLike, **options: Any) -> Alignment:
        """A picture's caption, and at which of its places (by their numbers) attention was at each unit.

        Options are those of :meth:`caption`.
        """
        found = self.hypotheses([image], **options)[0]
        return self._alignment([str(place) for place in range(found[0].attention.shape[1])], found[0])

    def _paired(self, sources: Sequence[Any], targets: Sequence[Any]) -> Pairs:
        images = _images(sources)
        if isinstance(targets, str) or len(targets) != len(images):
            raise ValueError(f"there are {len(images)} images, but captions of {len(targets)}")
        if not images:
            raise ValueError("there are no images to learn from")
        captions = [[of_image] if isinstance(of_image, str) else of_image for of_image in targets]
        for place, of_image in enumerate(captions):
            check_sentences(f"captions[{place}]", of_image)
        repeated = [image for image, of_image in zip(images, captions, strict=True) for _ in of_image]
        return repeated, [caption for of_image in captions for caption in of_image]

    def _read(self, sources: Sequence[Any]) -> list[Array]:
        return list(_images(sources, len(self._mean)))

    def _find_vocabulary(self, sources: Sequence[Any], targets: Sequence[str]) -> None:
        if not targets:
            raise ValueError("there are no captions to learn from")
        super()._find_vocabulary(sources, targets)
        count = sum(len(image) for image in sources)
        mean = sum(image.sum(0, dtype=np.float64) for image in sources) / count
        variance = sum(((image - mean) ** 2).sum(0) for image in sources) / count
        self._mean = mean.astype(np.float32)
        constant = np.sqrt(variance) <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
        self._deviation = np.where(constant, 1.0, np.sqrt(variance)).astype(np.float32)

    # Files

    def _build(self) -> CaptionNetwork:
        assert self.pieces is not None
        return CaptionNetwork(
            len(self.pieces.names),
            self._embedding_size(),
            self.hidden_size,
            self.num_layers,
            self.cell,
            self.attention,
            self.dropout,
            self.tied,
            self._mean,
            self._deviation,
            np.random.default_rng(self.seed),
        )

    def _vocabulary(self) -> dict[str, Array]:
        return {**super()._vocabulary(), "mean": self._mean, "deviation": self._deviation}

    def _set_vocabulary(self, arrays: Mapping[str, Array]) -> None:
        super()._set_vocabulary(arrays)
        mean, deviation = arrays["mean"], arrays["deviation"]
        if mean.ndim != 1 or mean.shape != deviation.shape or {mean.dtype, deviation.dtype} != {np.dtype(np.float32)}:
            raise ValueError(f"mean and deviation should be (F,) floats, but are {mean.shape} and {deviation.shape}")
        if not (np.isfinite(mean).all() and np.isfinite(deviation).all() and (deviation > 0).all()):
            raise ValueError("mean or deviation of the features is out of range")
        self._mean, self._deviation = mean, deviation

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield from super()._shapes()
        yield "project.weight", (self.hidden_size, len(self._mean))


def _images(images: Sequence[Any], features: int | None = None) -> list[Image]:
    """Each image as (P, F).

    Raises:
        ValueError: an image is no such array, is empty or not finite, or has another number of features.
    """
    result = []
    for place, given in enumerate(images):
        image = np.ascontiguousarray(given, np.float32)
        if image.ndim == 1:
            image = image[None]
        if image.ndim != 2 or image.size == 0:
            raise ValueError(f"image {place} must have shape (features,) or (places, features), not {np.shape(given)}")
        if features is not None and image.shape[1] != features:
            raise ValueError(f"image {place} has {image.shape[1]} features, but should have {features}")
        if not np.isfinite(image).all():
            raise ValueError(f"image {place} has features that are infinite or not a number")
        features = image.shape[1]
        result.append(image)
    return result
