"""Hold the two towers as torch modules, with the weights read from their packages.

Image: EfficientNet-Lite0, whose answer is turned into a vector by ConSE: the convex combination of
the class vectors of its surest classes (Norouzi et al. 2013, https://arxiv.org/abs/1312.5650).
Text: MiniLM-L6, a BERT of six layers, mean over the tokens.  Both end in the 384 numbers of the
text tower's space; no weight was trained for edgeclip.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from edgeclip.errors import CheckpointError
from edgeclip_export.towers import CLIP_MEAN, CLIP_STD

DIM = 384
IMAGE_SIZE = 256
CONTEXT = 128


class ImageTower(nn.Module):
    """Turn CLIP-normalised pixels into the ConSE vector of the surest classes.

    The weights want ``(255 x - 127) / 128`` of RGB in [0, 1]; the head takes the CLIP statistics
    off again (``x * std + mean``) and applies that in one step, exact up to rounding.
    """

    def __init__(
        self, classifier: nn.Module, classes: Tensor, *, keep: int, temperature: float
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.classes = nn.Parameter(classes, requires_grad=False)
        self.keep = keep
        self.temperature = temperature
        mean = torch.tensor(CLIP_MEAN, dtype=torch.float64).reshape(1, 3, 1, 1)
        std = torch.tensor(CLIP_STD, dtype=torch.float64).reshape(1, 3, 1, 1)
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", (std * 255 / 128).float())
        self.register_buffer("shift", ((mean * 255 - 127) / 128).float())

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(n, 3, 256, 256)`` to the raw and the unit vectors, each ``(n, 384)``."""
        logits = self.classifier(pixel_values * self.scale + self.shift)
        raw = conse(logits, self.classes, keep=self.keep, temperature=self.temperature)
        return raw, F.normalize(raw, dim=-1)


def conse(logits: Tensor, classes: Tensor, *, keep: int, temperature: float) -> Tensor:
    """Mix the vectors of the ``keep`` surest classes.

    The weights are a softmax at a temperature, less the share of the first class left out, so that
    a class comes in with weight 0: without that two classes of nearly equal logits at the cut
    change places between two forms of one model, and the vector jumps.

    Args:
        logits: ``(n, classes)``.
        classes: ``(classes, dim)``.
        keep: how many classes take part.
        temperature: divides the logits; above 1 lets the lesser classes count for more.

    Returns:
        ``(n, dim)``, not of unit length: shorter where the classes disagree.
    """
    values, indices = torch.topk(logits, keep + 1, dim=-1)
    shares = torch.softmax(values / temperature, dim=-1)
    excess = shares[:, :keep] - shares[:, keep:]
    weights = excess / excess.sum(-1, keepdim=True).clamp(min=1e-12)
    return torch.matmul(weights.unsqueeze(1), classes[indices[:, :keep]]).squeeze(1)


def load_classifier(path: Path) -> nn.Module:
    """Build EfficientNet-Lite0 and fill it from the package's checkpoint.

    The checkpoint has the same tensors in the same order as timm's ``tf_efficientnet_lite0`` under
    other names, so the code package that it was made with is not needed.

    Raises:
        CheckpointError: the tensors are not those of EfficientNet-Lite0.
    """
    module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    wanted = module.state_dict()
    if [t.shape for t in weights.values()] != [t.shape for t in wanted.values()]:
        raise CheckpointError(f"{path} does not hold an EfficientNet-Lite0.")
    module.load_state_dict(dict(zip(wanted, weights.values(), strict=True)))
    return module.eval()


class TextTower(nn.Module):
    """Embed token ids as MiniLM-L6 does, then centre and spread the space.

    Padding is id 0 and counts for nothing.  ``centre`` is taken from MiniLM's own unit vector and
    the rest multiplied by ``spread`` (see `edgeclip_export.starter.classes.measure_spread`); until
    they are set, the vector is MiniLM's.
    """

    def __init__(self, *, vocabulary: int = 30522, layers: int = 6) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, DIM)
        self.positions = nn.Embedding(CONTEXT, DIM)
        self.norm = nn.LayerNorm(DIM, eps=1e-12)
        self.layers = nn.ModuleList(TextLayer() for _ in range(layers))
        self.centre = nn.Parameter(torch.zeros(DIM), requires_grad=False)
        self.spread = nn.Parameter(torch.eye(DIM), requires_grad=False)

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(n, tokens)`` int64 to the raw and the unit vectors, each ``(n, 384)``."""
        real = (input_ids != 0).to(torch.float32)
        x = self.norm(self.words(input_ids) + self.positions.weight[: input_ids.shape[1]])
        away = ((1.0 - real) * -10000.0)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, away)
        # The sum has the mean's direction, and only the direction is kept.
        pooled = F.normalize((x * real.unsqueeze(-1)).sum(1), dim=-1)
        raw = torch.matmul(pooled - self.centre, self.spread)
        return raw, F.normalize(raw, dim=-1)


class TextLayer(nn.Module):
    """One BERT layer: attention with 12 heads of 32, then GELU between 384 and 1536."""

    heads, width = 12, 32

    def __init__(self) -> None:
        super().__init__()
        self.query = Dense(DIM, DIM)
        self.key = Dense(DIM, DIM)
        self.value = Dense(DIM, DIM)
        self.out = Dense(DIM, DIM)
        self.norm1 = nn.LayerNorm(DIM, eps=1e-12)
        self.up = Dense(DIM, 4 * DIM)
        self.down = Dense(4 * DIM, DIM)
        self.norm2 = nn.LayerNorm(DIM, eps=1e-12)

    def forward(self, x: Tensor, away: Tensor) -> Tensor:
        """Map ``(n, tokens, 384)`` to the same; ``away`` is added to the attention's scores."""
        query, key, value = (self._split(part(x)) for part in (self.query, self.key, self.value))
        scores = torch.matmul(query, key.transpose(-1, -2)) * self.width**-0.5 + away
        mixed = torch.matmul(torch.softmax(scores, dim=-1), value)
        x = self.norm1(x + self.out(mixed.transpose(1, 2).flatten(2)))
        return cast(Tensor, self.norm2(x + self.down(F.gelu(self.up(x)))))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, self.width).transpose(1, 2)


class Dense(nn.Module):
    """Multiply by ``(inputs, outputs)`` and add.

    It is `nn.Linear` turned, so that the graph's weights keep the names of the module's.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., inputs)`` to ``(..., outputs)``."""
        return torch.matmul(x, self.weight) + self.bias


_LAYER_KEYS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}


def load_text_tower(path: Path) -> TextTower:
    """Build the text tower and fill it from a BERT checkpoint in safetensors.

    The token type is always 0, so its row is added to the positions, and positions from 128 on are
    dropped: the tokenizer's own setting, and the length that MiniLM was fine-tuned with.

    Raises:
        CheckpointError: a tensor is missing or of another shape.
    """
    found = load_file(path)
    tower = TextTower()
    state = {name: value for name, value in tower.state_dict().items() if "." not in name}
    try:
        token_type = found["embeddings.token_type_embeddings.weight"][0]
        positions = found["embeddings.position_embeddings.weight"][:CONTEXT]
        state["words.weight"] = found["embeddings.word_embeddings.weight"]
        state["positions.weight"] = positions + token_type
        for kind in ("weight", "bias"):
            state[f"norm.{kind}"] = found[f"embeddings.LayerNorm.{kind}"]
            for index in range(len(tower.layers)):
                for ours, theirs in _LAYER_KEYS.items():
                    name = f"encoder.layer.{index}.{theirs}.{kind}"
                    # Dense is Linear turned; a vector's transpose is itself.
                    state[f"layers.{index}.{ours}.{kind}"] = found[name].t()
        tower.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not hold MiniLM-L6 ({error}).") from error
    return tower.eval()
