"""The training graph: grids, sequences, and munt-spec-0 in torch (``./run e2e-train``)."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; ./run e2e-train has it")

from training.export import master_of  # noqa: E402 - torch decides whether to go on
from training.fixedpoint import fixed_point  # noqa: E402
from training.network import PhonemeNetwork  # noqa: E402
from training.rounding import rounded  # noqa: E402
from training.sequence import (  # noqa: E402
    LANGUAGE_WEIGHT,
    MIN_FRAMES,
    TOLERANCE_FRAMES,
    sequence_loss,
)
from vau.model import Network  # noqa: E402
from vau_backends.muntaniala import cell  # noqa: E402
from vau_backends.muntaniala.array import DieArray, Knobs  # noqa: E402
from vau_backends.muntaniala.fixedpoint import to_s8  # noqa: E402
from vau_backends.muntaniala.states import States  # noqa: E402
from vau_backends.muntaniala.weights import (  # noqa: E402
    LayerWeights,
    NetworkWeights,
    quantise,
)

MISSED_NATS = 8.0  # what a frame costs that is heard as another phoneme
NETWORK = Network(layers=2, hidden=6, inputs=5, classes=3)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def a_network(scale: float = 1.0) -> PhonemeNetwork:
    torch.manual_seed(0)
    network = PhonemeNetwork(inputs=5, hidden=6, layers=2, classes=3)
    network.eval()
    with torch.no_grad():
        for values in network.parameters():
            values.mul_(scale)
    return network


def test_rounding_is_seen_forwards_and_not_backwards() -> None:
    values = torch.tensor([0.4, 0.015625, -0.046875, 9.0, -9.0], requires_grad=True)
    on_grid = rounded(values, 5)
    assert on_grid.tolist() == [13 / 32, 0.0, -2 / 32, 127 / 32, -4.0]  # ties to even
    on_grid.sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [1.0] * 5


def test_the_network_is_torchs_lstm() -> None:
    network = a_network()
    features = torch.randn(7, 2, 5)
    logits, _ = network(features, network.zero_state(2))
    hidden, _ = network.lstm(features)
    torch.testing.assert_close(logits, network.output(hidden))


def test_on_the_grid_it_computes_with_what_eight_bits_hold_and_still_learns() -> None:
    network = a_network()
    features = torch.randn(7, 2, 5)
    logits, _ = network(features, network.zero_state(2), on_grid=True)
    exact = a_network()
    with torch.no_grad():
        for name, values in exact.named_parameters():
            values.copy_(rounded(values, 7 if name == "lstm.weight_ih_l0" else 5))
    expected, _ = exact(rounded(features, 5), exact.zero_state(2))
    torch.testing.assert_close(logits, expected)
    logits.square().sum().backward()
    for name, values in network.named_parameters():
        if "bias_hh" not in name:
            assert values.grad is not None, name
            assert values.grad.any(), name


def test_long_rows_of_the_first_layer_are_shrunk_and_no_others() -> None:
    network = a_network()
    before = network.lstm.weight_ih_l0.detach().norm(dim=1)
    limit = float(before.median())
    network.limit_norms(limit)
    after = network.lstm.weight_ih_l0.detach().norm(dim=1)
    torch.testing.assert_close(after, before.clamp(max=limit))


@pytest.mark.parametrize(
    ("columns", "scale"), [(1, 1.0), (2, 1.0), (4, 1.0), (2, 6.0), (4, 6.0)]
)  # at six times the weights the row chain saturates, yet no die
def test_the_fixed_point_graph_is_the_specification_to_the_bit(
    columns: int, scale: float
) -> None:
    network = a_network(scale)
    features = torch.randn(20, 1, 5)
    integers = quantise(master_of(network.state_dict(), 2), NETWORK)
    weights = NetworkWeights(
        tuple(
            LayerWeights(integers[f"w_x_{n}"], integers[f"w_h_{n}"], integers[f"b_{n}"])
            for n in range(2)
        ),
        integers["w_out"],
        integers["b_out"],
    )
    expected = cell.run(
        weights,
        DieArray(rows=1, columns=columns).tile(NETWORK),
        Knobs(),
        to_s8(features[:, 0].numpy(), 5)[np.newaxis],
        States.zero(1, NETWORK),
    )
    logits, (h, c) = fixed_point(network, features, network.zero_state(1), columns)
    assert (expected.saturations.sum() > 0) == (scale > 1.0)
    np.testing.assert_array_equal(logits[:, 0].detach().numpy() * 2**12, expected.logits[0])
    np.testing.assert_array_equal(h[:, 0].detach().numpy() * 2**7, expected.states.h[0])
    np.testing.assert_array_equal(c[:, 0].detach().numpy() * 2**12, expected.states.c[0])


def test_the_fixed_point_graph_can_learn() -> None:
    network = a_network()
    logits, _ = fixed_point(network, torch.randn(5, 2, 5), network.zero_state(2), 2)
    logits.square().sum().backward()
    assert network.lstm.weight_hh_l0.grad is not None
    assert network.lstm.weight_hh_l0.grad.any()


def all_paths(frames: int, classes: int) -> list[list[tuple[int, int]]]:
    """Every path through (class, state) that the topology allows, from any state to any."""
    states = list(itertools.product(range(classes), range(MIN_FRAMES)))
    paths = [[state] for state in states]
    for _ in range(frames - 1):
        paths = [
            [*path, (to, into)]
            for path in paths
            for to, into in states
            if is_step(path[-1], (to, into))
        ]
    return paths


def is_step(before: tuple[int, int], after: tuple[int, int]) -> bool:
    last = MIN_FRAMES - 1
    if after[1] == 0:
        return before[1] == last
    stays = before == after and after[1] == last
    return stays or (before[0] == after[0] and before[1] == after[1] - 1)


def test_the_sequence_loss_is_the_sum_over_all_paths() -> None:
    frames, classes = 5, 2
    generator = torch.Generator().manual_seed(1)
    log_prob = torch.randn(frames, 1, classes, generator=generator).log_softmax(2)
    follow = torch.randn(classes, classes, generator=generator).log_softmax(1)
    targets = torch.zeros(frames, 1, dtype=torch.long)  # class 1 is never near
    everything = as_labelled = 0.0
    for path in all_paths(1 + frames, classes):  # the state before the first frame is free
        entered = [(a[0], b[0]) for a, b in itertools.pairwise(path) if b[1] == 0]
        heard = [log_prob[t, 0, k].item() for t, (k, _) in enumerate(path[1:])]
        score = sum(heard) / LANGUAGE_WEIGHT + sum(follow[pair].item() for pair in entered)
        everything += np.exp(score)
        as_labelled += np.exp(score) * all(k == 0 for k, _ in path[1:])
    expected = LANGUAGE_WEIGHT * np.log(everything / as_labelled) / frames
    found = sequence_loss(log_prob, targets, follow)
    assert found.item() == pytest.approx(expected, rel=1e-3)  # paths beside the labels: 1e-6


def test_frames_without_a_label_change_nothing_in_the_sequence_loss() -> None:
    log_prob = torch.randn(12, 2, 4).log_softmax(2)
    targets = torch.randint(0, 4, (12, 2))
    follow = torch.randn(4, 4).log_softmax(1)
    alone = sequence_loss(log_prob, targets, follow)
    padded = torch.cat([torch.randn(5, 2, 4).log_softmax(2), log_prob])
    silent = torch.cat([torch.full((5, 2), -100), targets])
    assert sequence_loss(padded, silent, follow).item() == pytest.approx(alone.item(), rel=1e-5)


@pytest.mark.parametrize("beyond", [0, 1, 4])
def test_labels_may_be_a_few_frames_off_and_each_further_one_costs(beyond: int) -> None:
    frame = torch.arange(40)
    log_prob = torch.full((40, 1, 3), -MISSED_NATS)
    log_prob[frame, 0, (frame >= 20).long()] = 0.0
    labels = (frame >= 20 + TOLERANCE_FRAMES + beyond).long()[:, None]
    loss = sequence_loss(log_prob.log_softmax(2), labels, torch.zeros(3, 3)).item()
    # 1e-3: the other paths, whose likelihood is exp(-8 / 1.5) of the best one's
    assert loss == pytest.approx(beyond * MISSED_NATS / 40, abs=1e-3)
