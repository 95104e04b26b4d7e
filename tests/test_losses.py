"""Losses without kernels against PyTorch; losses and attention as modules; sampled and adaptive softmax."""

import numpy as np
import pytest

from kernel_checks import numeric_gradient, skip_without_torch
from lexigrad.nn import functional
from lexigrad.nn import losses as nn_losses
from lexigrad.nn.attention import Attention
from lexigrad.nn.losses import AdaptiveLogSoftmaxWithLoss, SampledSoftmaxLoss
from lexigrad.ops import losses
from lexigrad.ops.softmax import cross_entropy
from lexigrad.sparse import SparseRows
from lexigrad.tensor import Tensor
from oracles import attention as oracle


def compare(ours, theirs, inputs, other_inputs, rng, rtol=1e-5):
    """The same values, and the same gradients of the inputs."""
    upstream = np.asarray(rng.standard_normal(ours.shape), ours.dtype)
    ours.backward(upstream)
    theirs.backward(theirs.new_tensor(upstream))
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=rtol, atol=1e-6)
    for a, b in zip(inputs, other_inputs, strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name", ["mse_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "weighted", "pos_weight"]
)
def test_maps_are_pytorchs(name, reduction, dtype):
    torch = skip_without_torch()
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((4, 5)).astype(dtype), rng.random((4, 5)).astype(dtype)
    options = {"reduction": reduction}
    if name == "binary_cross_entropy":
        x = 1 / (1 + np.exp(-x))
        x[0, :2], y[0, :2] = (0, 1), (1, 0)
        x[1, :2], y[1, :2] = (0, 1), (0, 1)
    if name in ("weighted", "pos_weight"):
        options["pos_weight" if name == "pos_weight" else "weight"] = rng.uniform(0.5, 2, 5).astype(dtype)
        name = "binary_cross_entropy_with_logits"
    tensors = [Tensor(array.copy(), requires_grad=True) for array in (x, y)]
    others = [torch.tensor(array, requires_grad=True) for array in (x, y)]
    converted = {key: value if isinstance(value, str) else torch.tensor(value) for key, value in options.items()}
    expected = getattr(torch.nn.functional, name)(*others, **converted)
    count = 1 if name == "binary_cross_entropy" else 2  # PyTorch's gradient of its targets is infinite at 0 and 1
    compare(getattr(losses, name)(*tensors, **options), expected, tensors[:count], others[:count], rng)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(6,), (5, 6), (3, 6, 2)])
def test_nll_loss_is_pytorchs(reduction, shape):
    torch = skip_without_torch()
    rng = np.random.default_rng(2)
    x = rng.standard_normal(shape).astype(np.float32)
    target = rng.integers(0, 6, shape[:1] + shape[2:] if len(shape) > 1 else ())
    if target.size > 1:
        target.reshape(-1)[1] = 2
    weight = rng.uniform(0.5, 2, 6).astype(np.float32)
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    options = {"ignore_index": 2, "reduction": reduction}
    expected = torch.nn.functional.nll_loss(theirs, torch.tensor(target), torch.tensor(weight), **options)
    compare(losses.nll_loss(ours, target, weight, **options), expected, [ours], [theirs], rng)


def test_logits_far_from_zero_have_finite_losses():
    x = Tensor(np.array([1e4, -1e4, 1e4, -1e4], np.float32), requires_grad=True)
    loss = losses.binary_cross_entropy_with_logits(x, np.array([1.0, 0.0, 0.0, 1.0]), reduction="none")
    assert loss.data.tolist() == [0, 0, 1e4, 1e4]
    loss.backward(np.ones(4))
    assert x.grad.tolist() == [0, 0, 1, -1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: losses.mse_loss(x, np.zeros(3)), ValueError, r"target must have the shape of input, \(2, 3\)"),
        (lambda x: losses.mse_loss(x, x, "median"), ValueError, "reduction must be one of"),
        (lambda x: losses.binary_cross_entropy(x + 2, x), ValueError, "input must be probabilities"),
        (lambda x: losses.nll_loss(x, [0, 3]), ValueError, r"target must be in \[0, 3\)"),
        (lambda x: losses.nll_loss(x, [0.0, 1.0]), TypeError, "integers"),
        (lambda x: SampledSoftmaxLoss(3, 5, 0), ValueError, "num_sampled must be at least 1"),
        (lambda x: SampledSoftmaxLoss(3, 5, 2, counts=[1, 2]), ValueError, r"counts must be \(5,\)"),
        (lambda x: SampledSoftmaxLoss(3, 5, 2)(x, [0, 5]), ValueError, r"target must be in \[0, 5\)"),
        (lambda x: SampledSoftmaxLoss(4, 5, 2)(x, [0, 1]), ValueError, r"hidden must have shape \(N, 4\)"),
        (lambda x: AdaptiveLogSoftmaxWithLoss(3, 9, [4, 4]), ValueError, "cutoffs must rise strictly"),
        (lambda x: AdaptiveLogSoftmaxWithLoss(3, 9, [9]), ValueError, "cutoffs must rise strictly"),
        (lambda x: AdaptiveLogSoftmaxWithLoss(3, 9, []), ValueError, "cutoffs must rise strictly"),
        (lambda x: AdaptiveLogSoftmaxWithLoss(3, 9, [4])(x, [0, 9]), ValueError, r"target must be in \[0, 9\)"),
        (lambda x: AdaptiveLogSoftmaxWithLoss(4, 9, [4])(x, [0, 1]), ValueError, "input must have shape"),
        (lambda x: Attention(3, 4), ValueError, "use 'general'"),
        (lambda x: Attention(3, score="cosine"), ValueError, "score must be one of"),
    ],
)
def test_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(Tensor(np.zeros((2, 3), np.float32)))


def test_modules_are_the_functions():
    rng = np.random.default_rng(3)
    x = Tensor(rng.random((4, 3)).astype(np.float32))
    y, classes, weight = rng.random((4, 3)).astype(np.float32), np.array([0, 2, 1, 0]), np.ones(3, np.float32)
    for module, expected in (
        (nn_losses.MSELoss("sum"), losses.mse_loss(x, y, "sum")),
        (nn_losses.BCELoss(), losses.binary_cross_entropy(x, y)),
        (
            nn_losses.BCEWithLogitsLoss(pos_weight=2 * weight),
            losses.binary_cross_entropy_with_logits(x, y, None, "mean", 2 * weight),
        ),
    ):
        assert module(x, y).item() == expected.item()
    assert nn_losses.NLLLoss(weight)(x, classes).item() == losses.nll_loss(x, classes, weight).item()
    module = nn_losses.CrossEntropyLoss(weight, label_smoothing=0.1)
    assert module(x, classes).item() == cross_entropy(x, classes, weight, label_smoothing=0.1).item()
    assert list(module.state_dict()) == ["weight"]
    frames = Tensor(rng.standard_normal((6, 2, 3)).astype(np.float32))
    ctc = nn_losses.CTCLoss(from_logits=True, reduction="none")
    assert ctc(frames, [[1, 2], [1, 1]], [6, 6], [2, 2]).shape == (2,)
    with pytest.raises(ValueError, match="reduction must be one of"):
        nn_losses.CTCLoss(reduction="all")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("counts", [None, [5, 4, 3, 2, 1, 1, 1, 0, 2]])
def test_sampled_softmax_has_the_gradient_of_its_loss(bias, counts):
    rng = np.random.default_rng(4)
    layer = SampledSoftmaxLoss(3, 9, 5, counts, bias, reduction="sum", rng=1)
    sampled = layer.sample()
    layer.sample = lambda: sampled
    hidden = Tensor(rng.standard_normal((6, 3)).astype(np.float32), requires_grad=True)
    target = np.array([0, 1, 8, 3, -100, int(sampled[0])])
    loss = layer(hidden, target)
    loss.backward()
    assert isinstance(layer.weight.grad, SparseRows)

    def exact(x, w, b):
        logits = x @ w.T + b - layer._log_expected.astype(np.float64)
        total = 0.0
        for row, t in zip(logits, target, strict=True):
            if t >= 0:
                classes = [t, *(c for c in sampled if c != t)]
                total += np.log(np.exp(row[classes]).sum()) - row[t]
        return total

    x, w = hidden.data.astype(np.float64), layer.weight.data.astype(np.float64)
    b = layer.bias.data.astype(np.float64) if bias else np.zeros(9)
    assert loss.item() == pytest.approx(exact(x, w, b), rel=1e-5)
    np.testing.assert_allclose(hidden.grad, numeric_gradient(lambda z: exact(z, w, b), x), atol=1e-5)
    np.testing.assert_allclose(layer.weight.grad.dense(), numeric_gradient(lambda z: exact(x, z, b), w), atol=1e-5)
    if bias:
        np.testing.assert_allclose(layer.bias.grad.dense(), numeric_gradient(lambda z: exact(x, w, z), b), atol=1e-5)
    layer.eval()
    full = layer(hidden, target)
    logits = Tensor((hidden.data @ layer.weight.data.T + (layer.bias.data if bias else 0)).astype(np.float32))
    assert full.item() == pytest.approx(cross_entropy(logits, target, reduction="sum").item(), rel=1e-6)


def test_sampled_softmax_is_the_softmax_on_average():
    """The corrected logits make the gradient of the sampled loss near to that of the full one."""
    rng = np.random.default_rng(5)
    layer = SampledSoftmaxLoss(8, 50, 200, rng=2)
    x, target = rng.standard_normal((20, 8)).astype(np.float32), rng.integers(0, 50, 20)
    total = np.zeros((20, 8))
    for _ in range(50):
        hidden = Tensor(x, requires_grad=True)
        layer(hidden, target).backward()
        total += hidden.grad / 50
    hidden = Tensor(x, requires_grad=True)
    layer.eval()(hidden, target).backward()
    assert np.linalg.norm(total - hidden.grad) < 0.05 * np.linalg.norm(hidden.grad)


def test_samples_follow_their_distribution():
    counts = np.array([100, 50, 10, 0, 1])
    layer = SampledSoftmaxLoss(2, 5, 3, counts, rng=3)
    found = np.zeros(5)
    for _ in range(5000):
        found[layer.sample()] += 1 / 5000
    np.testing.assert_allclose(found, 1 - (1 - counts / counts.sum()) ** 3, atol=0.03)
    assert found[3] == 0
    assert SampledSoftmaxLoss(2, 1000, 5).probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize("head_bias", [True, False])
def test_adaptive_softmax_is_pytorchs(head_bias):
    torch = skip_without_torch()
    rng = np.random.default_rng(6)
    layer = AdaptiveLogSoftmaxWithLoss(16, 60, [10, 20, 40], div_value=2.0, head_bias=head_bias, rng=1)
    other = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 60, [10, 20, 40], div_value=2.0, head_bias=head_bias)
    layer.load_state_dict(other.state_dict())
    x, target = rng.standard_normal((30, 16)).astype(np.float32), rng.integers(0, 60, 30)
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    output, loss = layer(ours, target)
    expected = other(theirs, torch.tensor(target))
    np.testing.assert_allclose(output.data, expected.output.detach().numpy(), rtol=1e-5, atol=1e-6)
    compare(loss, expected.loss, [ours], [theirs], rng)
    for (name, a), (same, b) in zip(layer.named_parameters(), other.named_parameters(), strict=True):
        assert name == same
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.log_prob(ours).data, other.log_prob(theirs).detach().numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(layer.predict(ours).data, other.predict(theirs).numpy())
    single, _ = layer(Tensor(x[0]), target[0])
    assert single.data == pytest.approx(output.data[0], rel=1e-5)
    assert (output.data < 0).all()


@pytest.mark.parametrize("score", ["dot", "general", "additive"])
def test_attention_modules(score):
    rng = np.random.default_rng(7)
    sizes = (6, 6) if score == "dot" else (6, 4)
    layer = Attention(*sizes, score, rng=1)
    query = Tensor(rng.standard_normal((3, 2, 6)).astype(np.float32), requires_grad=True)
    keys = Tensor(rng.standard_normal((5, 2, sizes[1])).astype(np.float32), requires_grad=True)
    mask = np.arange(5) < np.array([[3], [5]])
    context, weights = layer(query, keys, mask=mask)
    q, k = query.data.astype(np.float64), keys.data.astype(np.float64)
    if score == "additive":
        hidden = k @ layer.key_layer.weight.data.T + layer.key_layer.bias.data
        scores = oracle.additive_scores_forward(q @ layer.query_layer.weight.data.T, hidden, layer.v.data)
    else:
        scores = oracle.dot_scores(q @ layer.query_layer.weight.data.T if score == "general" else q, k)
    expected, exact = oracle.attend_forward(scores, k, mask)
    np.testing.assert_allclose(weights.data, exact, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(context.data, expected, rtol=1e-4, atol=1e-5)
    context.sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    assert keys.grad is not None
    # A decoder's single step, its keys projected beforehand.
    step, step_weights = layer(query[0], keys, mask=mask, projected=layer.project(keys))
    np.testing.assert_allclose(step.data, context.data[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(step_weights.data, weights.data[:, 0], rtol=1e-5, atol=1e-6)


def test_arrays_will_do():
    x, y = np.float32([[0.2, 0.7], [0.9, 0.4]]), np.float32([[0, 1], [1, 0]])
    for loss, target in (
        (functional.mse_loss, y),
        (functional.binary_cross_entropy, y),
        (functional.binary_cross_entropy_with_logits, y),
        (functional.nll_loss, [0, 1]),
        (functional.cross_entropy, [0, 1]),
    ):
        assert loss(x, target).item() == loss(Tensor(x), target).item()
    for function in (functional.softmax, functional.log_softmax):
        np.testing.assert_array_equal(function(x).data, function(Tensor(x)).data)
        with pytest.raises(TypeError, match="x must be floats, not int64"):
            function([[1, 2]])
