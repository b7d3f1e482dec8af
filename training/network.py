"""The recurrent network in torch, for training only; what is served is its export."""

import torch
from torch import Tensor, nn

State = tuple[Tensor, Tensor]


class PhonemeNetwork(nn.Module):
    """Uni-directional LSTM layers and one output layer, gates in the order i, f, g, o."""

    def __init__(
        self, *, inputs: int, hidden: int, layers: int, classes: int, dropout: float
    ) -> None:
        """Start from orthogonal recurrent weights and an open forget gate."""
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(inputs, hidden, layers, dropout=between)
        self.dropout = nn.Dropout(dropout)
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

    def forward(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """Map (frames, streams, inputs) and a state to logits (frames, streams, classes)."""
        hidden, state = self.lstm(features, state)
        return self.output(self.dropout(hidden)), state

    def zero_state(self, streams: int) -> State:
        """Return h and c of the start of an utterance, shape (layers, streams, hidden)."""
        zeros = torch.zeros(self.lstm.num_layers, streams, self.lstm.hidden_size)
        return zeros, zeros.clone()
