"""Run the model with parts of your own, here an onnxruntime session: python own_session.py PHOTO"""

import sys

import onnxruntime

from edgeclip import Model
from edgeclip.model import library
from edgeclip.model.manifest import Manifest
from edgeclip.model.session import Session


def open_image() -> Session:
    tower = manifest.image
    path = manifest.verified(manifest.variant(tower, None).file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return Session(onnxruntime.InferenceSession(str(path), options), tower)


def no_words() -> None:
    raise SystemExit("this process embeds pictures only")


if len(sys.argv) != 2:
    sys.exit("usage: python own_session.py PHOTO")
manifest = Manifest.load(library.find())
model = Model(manifest, open_image, no_words)
print(model.embed_image(sys.argv[1])[:4])
