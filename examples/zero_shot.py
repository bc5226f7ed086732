"""Classify pictures with labels of your own: python zero_shot.py cat,dog photo.jpg ..."""

import sys

from edgeclip import Model

if len(sys.argv) < 3:
    sys.exit("usage: python zero_shot.py LABEL,LABEL,... PHOTO...")
labels, *photos = sys.argv[1:]
classify = Model.load().classifier(labels.split(","), negatives=["something else"])
for photo in photos:
    best, *_ = classify(photo)
    print(f"{photo}: {best.key} ({best.score:.0%})")
