"""Search over prefixes with a dict of them in each frame."""

import math

import numpy as np


def prefix_beam_search(
    log_probs,
    beam_size=16,
    blank=0,
    scorer=None,
    weight=0.5,
    bonus=0.0,
    followers=40,
):
    """Label sequences and their scores, the best first; see ``lexigrad.ops.ctc_decode``."""
    beams = {(): (0.0, -math.inf)}  # ends in a blank, or in the last label
    priors = {(): 0.0}
    following = {}

    def prior(prefix):
        if prefix not in priors:
            before = prefix[:-1]
            if scorer is not None and before not in following:
                following[before] = scorer(before)
            step = weight * float(following[before][prefix[-1]]) if scorer is not None else 0.0
            priors[prefix] = prior(before) + step + bonus
        return priors[prefix]

    for row in log_probs:
        values = [float(value) for value in row]
        candidates = [int(k) for k in np.argsort(-row, kind="stable")[: followers + 1] if k != blank]
        ways = {}
        for prefix, (of_blank, of_label) in beams.items():
            total = _log_add(of_blank, of_label)
            kept = ways.setdefault(prefix, [-math.inf, -math.inf])
            kept[0] = _log_add(kept[0], total + values[blank])
            last = prefix[-1] if prefix else blank
            if prefix:
                kept[1] = _log_add(kept[1], of_label + values[last])
            for k in candidates:
                longer = ways.setdefault((*prefix, k), [-math.inf, -math.inf])
                longer[1] = _log_add(longer[1], (of_blank if k == last else total) + values[k])
        ranked = sorted(ways.items(), key=lambda way: -(_log_add(*way[1]) + prior(way[0])))
        beams = {prefix: (pair[0], pair[1]) for prefix, pair in ranked[:beam_size]}
    found = []
    for prefix, pair in beams.items():
        end = weight * float(scorer(prefix)[blank]) if scorer is not None else 0.0
        found.append((list(prefix), _log_add(*pair) + prior(prefix) + end))
    return sorted(found, key=lambda one: -one[1])


def _log_add(a, b):
    if a < b:
        a, b = b, a
    return a if b == -math.inf else a + math.log1p(math.exp(b - a))
