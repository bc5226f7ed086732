"""Keep an index true to a folder, and find its pictures: python folder_search.py "a dog" photos/

Run it again after pictures came, went or were renamed: only what is new is embedded.
"""

import sys

from edgeclip import Index, Model
from edgeclip.index.folder import sync

if len(sys.argv) != 3:
    sys.exit(f"usage: python folder_search.py QUERY FOLDER\n\n{__doc__}")
query, folder = sys.argv[1:]
model = Model.load()
with Index.open("photos.index", model.space, model=model.name) as index:
    for entry in sync(index, model, folder):
        if entry.status != "unchanged":
            print(f"{entry.status}: {entry.key}", file=sys.stderr)
    for match in index.search(model.embed_query(query), count=5):
        print(f"{match.score:.3f}  {match.key}")
