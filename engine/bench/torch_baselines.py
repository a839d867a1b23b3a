"""What a user of plain PyTorch writes, architecture and loop: the benchmark measures this engine against it."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.base.language import _
from engine.data.load import load
from engine.spec.run import RunSpec


def module(run: RunSpec) -> nn.Module:
    """Return an untrained model of `run`'s architecture, width and depth; it takes x (batch, inputs) as data have it.

    Raises: ValueError: for an architecture that nobody has written here.
    """
    known = {"mlp": _Mlp, "cnn": _Cnn, "gru": _Recurrent, "lstm": _Recurrent, "transformer": _Transformer}
    if run.arch not in known:
        raise ValueError(
            _("arch={arch} has no plain twin; allowed: one of {archs}.", arch=run.arch, archs=", ".join(known))
        )
    return known[run.arch](run)


def plain_loop(run: RunSpec, device: str) -> Iterator[None]:
    """Train as most people would write it."""
    data = load(run)
    examples = torch.utils.data.TensorDataset(
        torch.tensor(data.train.x, dtype=torch.float32), torch.tensor(data.train.y)
    )
    batches = torch.utils.data.DataLoader(examples, batch_size=run.batch, shuffle=True)
    model = module(run).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=run.lr)
    loss_of = nn.CrossEntropyLoss()
    while True:
        for x, y in batches:
            optimizer.zero_grad()
            loss_of(model(x.to(device)), y.to(device)).backward()
            optimizer.step()
            yield


def best_loop(run: RunSpec, device: str) -> Iterator[None]:
    """Train one model as fast as plain PyTorch goes: data as tensors, one random index, fused Adam."""
    data = load(run)
    x = torch.tensor(data.train.x, dtype=torch.float32, device=device)
    y = torch.tensor(data.train.y, device=device)
    model = module(run).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=run.lr, fused=True)
    while True:
        for rows in torch.randperm(len(y), device=device).split(run.batch):
            if len(rows) == run.batch:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
                optimizer.step()
                yield


class _Mlp(nn.Module):
    def __init__(self, run: RunSpec) -> None:
        super().__init__()
        task = run.task
        self.tokens = task.tokens
        layers: list[nn.Module] = []
        inputs = task.inputs * max(task.tokens, 1)
        for _layer in range(run.depth):
            layers += [nn.Linear(inputs, run.width), nn.ReLU()]
            inputs = run.width
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, task.outputs))

    def forward(self, x: Tensor) -> Tensor:
        if self.tokens:
            x = F.one_hot(x.long(), self.tokens).flatten(1).float()
        logits: Tensor = self.layers(x)
        return logits


class _Cnn(nn.Module):
    def __init__(self, run: RunSpec) -> None:
        super().__init__()
        self.shape = run.task.shape
        convolution, pool = (nn.Conv2d, nn.MaxPool2d) if len(self.shape) == 3 else (nn.Conv1d, nn.MaxPool1d)
        layers: list[nn.Module] = []
        channels, side = self.shape[0], min(self.shape[1:])
        for block in range(run.depth):
            if block and side >= 4:
                layers.append(pool(2))
                side //= 2
            layers += [convolution(channels, run.width, 3, padding=1), nn.ReLU()]
            channels = run.width
        self.layers = nn.Sequential(*layers)
        self.out = nn.Linear(run.width, run.task.outputs)

    def forward(self, x: Tensor) -> Tensor:
        seen: Tensor = self.layers(x.view(-1, *self.shape))
        logits: Tensor = self.out(seen.flatten(2).mean(2))
        return logits


class _Recurrent(nn.Module):
    def __init__(self, run: RunSpec) -> None:
        super().__init__()
        self.embedding = nn.Embedding(run.task.tokens, run.width)
        kind = nn.GRU if run.arch == "gru" else nn.LSTM
        self.layers = kind(run.width, run.width, run.depth, batch_first=True)
        self.out = nn.Linear(run.width, run.task.outputs)

    def forward(self, x: Tensor) -> Tensor:
        states = self.layers(self.embedding(x.long()))[0]
        logits: Tensor = self.out(states[:, -1])
        return logits


class _Transformer(nn.Module):
    def __init__(self, run: RunSpec) -> None:
        super().__init__()
        length, heads = run.task.inputs, int(dict(run.options)["heads"])
        self.embedding = nn.Embedding(run.task.tokens, run.width)
        self.positions = nn.Parameter(torch.randn(length, run.width))
        block = nn.TransformerEncoderLayer(
            run.width, heads, 4 * run.width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, run.depth, nn.LayerNorm(run.width), enable_nested_tensor=False)
        self.out = nn.Linear(run.width, run.task.outputs)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length))

    def forward(self, x: Tensor) -> Tensor:
        seen = self.blocks(self.embedding(x.long()) + self.positions, mask=self.mask, is_causal=True)
        logits: Tensor = self.out(seen.mean(1))
        return logits
