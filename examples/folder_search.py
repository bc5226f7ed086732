"""Find pictures by words: python folder_search.py "a dog on a beach" photos/"""

import sys
from pathlib import Path

import numpy as np

from edgeclip import ImageRejected, Model
from edgeclip.vectors import ranked

query, folder = sys.argv[1:]
model = Model.load()
paths = sorted(path for path in Path(folder).iterdir() if path.is_file())
vectors = {}
for path, vector in zip(paths, model.embed_images(paths, on_error="return"), strict=True):
    if not isinstance(vector, ImageRejected):  # not every file is a picture
        vectors[str(path)] = vector

scores = np.stack(list(vectors.values())) @ model.embed_query(query)
for match in ranked(vectors, scores, 5):
    print(f"{match.score:.3f}  {match.key}")
