"""The artifacts of a trained bucket: its predictions for the test set, and its weights."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.net.device_data import DeviceData
from engine.net.numerics import EVAL_ROWS
from engine.net.reader import Reader
from engine.spec.run import RunSpec

MOST_NUMBERS = 100_000
"""Most probabilities of one run that are all stored; beyond it, each example has only the probability of its answer."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A bucket at its end."""

    runs: tuple[RunSpec, ...]
    model: Reader
    data: DeviceData

    def predictions(self) -> list[dict[str, np.ndarray]]:
        """Return what each model answers to its test examples, in their order.

        `outputs`: float16 (examples, outputs), where the loss is cross-entropy the probabilities of the classes; of
        more than MOST_NUMBERS of them (examples, 1), that of the answer. There, too, `answers`: int16 (examples,) the
        class of the highest probability, before rounding. For sequences both have an axis more, (examples, answers, …).
        """
        chunks = [self._stored(outputs) for outputs in self._chunks()]
        whole = {name: torch.cat([chunk[name] for chunk in chunks], dim=1).cpu().numpy() for name in chunks[0]}
        return [{name: array[model] for name, array in whole.items()} for model in range(len(self.runs))]

    def weights(self) -> list[dict[str, np.ndarray]]:
        """Return the parameters of each model by name, float32, those of a linear layer as torch.nn.Linear has them.

        Running means and variances of batch norms are among them.
        """
        values_of = self.model.parameters | self.model.statistics()
        found = {name: values.detach().float().cpu().numpy() for name, values in values_of.items()}
        return [{name: values[model] for name, values in found.items()} for model in range(len(self.runs))]

    def _stored(self, outputs: Tensor) -> dict[str, Tensor]:
        """Return what is stored for outputs (models, rows, outputs)."""
        if self.model.task.loss == "sequence":
            outputs = outputs.unflatten(2, (self.model.task.answers, -1))
        elif self.model.task.loss != "cross-entropy":
            return {"outputs": outputs.half()}
        answers, probabilities = outputs.argmax(dim=-1, keepdim=True), torch.softmax(outputs, dim=-1)
        if self.data.test.count * self.model.task.outputs > MOST_NUMBERS:
            probabilities = probabilities.gather(-1, answers)
        return {"answers": answers.squeeze(-1).short(), "outputs": probabilities.half()}

    def _chunks(self) -> Iterator[Tensor]:
        """Yield outputs (models, rows, outputs) of the test part, EVAL_ROWS examples at a time."""
        test = self.data.test
        for start in range(0, test.count, EVAL_ROWS):
            outputs = self.model.logits(test.x[self.data.which, start : start + EVAL_ROWS])
            yield outputs.mT[:, : test.count - start]


def packed(arrays: Mapping[str, np.ndarray], *, compressed: bool = False) -> bytes:
    """Return named arrays as an .npz file; weights are noise that no compression makes smaller."""
    file, save = io.BytesIO(), np.savez_compressed if compressed else np.savez
    save(file, allow_pickle=False, **arrays)
    return file.getvalue()
