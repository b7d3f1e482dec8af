"""The network of a bundle as torch has it: ``nn.LSTM`` and a linear layer, in float32."""

from typing import Any

import numpy as np
import torch

from vau.model import Model


class TorchNetwork(torch.nn.Module):  # type: ignore[misc]
    """The LSTM and its output layer, with the float weights of a bundle."""

    def __init__(self, model: Model) -> None:
        """Take the weights. Raises ValueError for peepholes, which ``nn.LSTM`` has not."""
        super().__init__()
        shape, master = model.network, model.master
        if shape.peephole:
            raise ValueError(f"{model.name} has peepholes, and torch.nn.LSTM has none")
        self.lstm = torch.nn.LSTM(shape.inputs, shape.hidden, shape.layers)
        self.output = torch.nn.Linear(shape.hidden, shape.classes)
        weights = {"output.weight": master["w_out"], "output.bias": master["b_out"]}
        for n in range(shape.layers):
            weights[f"lstm.weight_ih_l{n}"] = master[f"w_x_{n}"]
            weights[f"lstm.weight_hh_l{n}"] = master[f"w_h_{n}"]
            weights[f"lstm.bias_ih_l{n}"] = master[f"b_{n}"]
            weights[f"lstm.bias_hh_l{n}"] = np.zeros_like(master[f"b_{n}"])  # ours has one bias
        self.load_state_dict({name: torch.tensor(w) for name, w in weights.items()})
        self.eval()

    def forward(self, x: Any, state: Any) -> Any:  # noqa: ANN401  torch is not typed here
        """Return the logits and the next state; shapes (frames, streams, ...)."""
        y, state = self.lstm(x, state)
        return self.output(y), state
