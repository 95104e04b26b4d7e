"""Attention in float64, written for reading. Shapes: query (T, B, H), keys (S, B, H), values (S, B, C)."""

import numpy as np


def dot_scores(query, keys):
    return np.einsum("tbh,sbh->bts", query, keys)


def additive_scores_forward(query, keys, v):
    return np.einsum("tsbh,h->bts", np.tanh(query[:, None] + keys[None]), v)


def additive_scores_backward(dscores, query, keys, v):
    u = np.tanh(query[:, None] + keys[None])
    inner = np.einsum("bts,h,tsbh->tsbh", dscores, v, 1 - u**2)
    return inner.sum(axis=1), inner.sum(axis=0), np.einsum("bts,tsbh->h", dscores, u)


def attend_forward(scores, values, mask):
    """Context (T, B, C) and weights (B, T, S); all zero where the mask (B, S) lets nothing through."""
    weights = np.zeros(scores.shape)
    for b, allowed in enumerate(mask):
        if allowed.any():
            e = np.exp(scores[b][:, allowed] - scores[b][:, allowed].max(axis=1, keepdims=True))
            weights[b][:, allowed] = e / e.sum(axis=1, keepdims=True)
    return np.einsum("bts,sbc->tbc", weights, values), weights


def attend_backward(dcontext, dweights, weights, values):
    """dscores (B, T, S) and dvalues (S, B, C)."""
    dw = np.einsum("tbc,sbc->bts", dcontext, values) + dweights
    dscores = weights * (dw - (weights * dw).sum(axis=-1, keepdims=True))
    return dscores, np.einsum("bts,tbc->sbc", weights, dcontext)


def dot_backward(dscores, query, keys):
    return np.einsum("bts,sbh->tbh", dscores, keys), np.einsum("bts,tbh->sbh", dscores, query)
