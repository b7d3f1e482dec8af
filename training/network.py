"""The recurrent network in torch, for training only; what is served is its export."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from training.rounding import rounded
from vau_backends.muntaniala.fixedpoint import (
    ACTIVATION_FRACTION_BITS,
    INPUT_SHIFT,
    WEIGHT_FRACTION_BITS,
)

State = tuple[Tensor, Tensor]


class PhonemeNetwork(nn.Module):
    """Uni-directional LSTM layers and one output layer, gates in the order i, f, g, o."""

    def __init__(self, *, inputs: int, hidden: int, layers: int, classes: int) -> None:
        """Start from orthogonal recurrent weights and an open forget gate."""
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, layers)
        self.dropout = nn.Dropout(0.0)  # a stage of the recipe sets it, between layers too
        self.output = nn.Linear(hidden, classes)
        for name, values in self.lstm.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(values)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(values)
            else:
                nn.init.zeros_(values)
                if name.startswith("bias_ih"):
                    values.data[hidden : 2 * hidden] = 1.0

    def forward(
        self, features: Tensor, state: State, *, on_grid: bool = False
    ) -> tuple[Tensor, State]:
        """Map (frames, streams, inputs) and a state to logits (frames, streams, classes).

        on_grid: compute with weights, biases and features as eight bits hold them; gradients
                 pass the rounding as if it were not there.
        """
        dropout = self.dropout.p if self.lstm.num_layers > 1 else 0.0
        weights = list(self.lstm.parameters())
        w_out, b_out = self.output.weight, self.output.bias
        if on_grid:
            features = rounded(features, ACTIVATION_FRACTION_BITS - INPUT_SHIFT)
            weights = list(self._weights_on_grid())
            w_out = rounded(w_out, WEIGHT_FRACTION_BITS)
            b_out = rounded(b_out, WEIGHT_FRACTION_BITS)
        hidden, h, c = torch.lstm(
            features,
            state,
            weights,
            True,  # biases
            self.lstm.num_layers,
            dropout,
            self.training,
            False,  # one direction
            False,  # frames first
        )
        return nn.functional.linear(self.dropout(hidden), w_out, b_out), (h, c)

    def weights(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield W_x, W_h and the bias of each layer; torch's two biases are added."""
        for layer in range(self.lstm.num_layers):
            w_x, w_h, b_x, b_h = (
                getattr(self.lstm, f"{name}_l{layer}")
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            yield w_x, w_h, b_x + b_h

    def _weights_on_grid(self) -> Iterator[Tensor]:
        """Yield the rounded weights as torch orders them; one bias takes both of a gate."""
        for layer, (w_x, w_h, bias) in enumerate(self.weights()):
            shift = INPUT_SHIFT if layer == 0 else 0
            yield rounded(w_x, WEIGHT_FRACTION_BITS + shift)
            yield rounded(w_h, WEIGHT_FRACTION_BITS)
            yield rounded(bias, WEIGHT_FRACTION_BITS)
            yield torch.zeros_like(bias)

    def limit_norms(self, limit: float) -> None:
        """Shrink each unit's and gate's weights of the first layer to a length of ``limit``.

        The longest rows are those whose sums could leave the accumulator.
        """
        rows = self.lstm.weight_ih_l0.data
        rows *= (limit / rows.norm(dim=1, keepdim=True)).clamp(max=1.0)

    def zero_state(self, streams: int) -> State:
        """Return h and c of the start of an utterance, shape (layers, streams, hidden)."""
        shape = (self.lstm.num_layers, streams, self.lstm.hidden_size)
        zeros = torch.zeros(shape, device=self.output.weight.device)
        return zeros, zeros.clone()
