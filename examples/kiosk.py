"""Show what stands before the camera, and what is like it: python kiosk.py 0 photos.index cat,dog

Full-screen where there is a screen, else into kiosk.png; edgeclip index DIR makes the index.
"""

import os
import sys

from PIL import Image, ImageDraw, ImageOps

from edgeclip import Index, Model, frames

if len(sys.argv) != 4:
    sys.exit("usage: python kiosk.py SOURCE INDEX LABEL,LABEL,...")
source, path, labels = sys.argv[1:]
model = Model.load()
index = Index.open(path, model.space, read_only=True)
classify = model.classifier(labels.split(","), none="something new")
if screen := os.environ.get("DISPLAY"):
    import tkinter

    from PIL import ImageTk

    tkinter.Tk().attributes("-fullscreen", True)
    canvas = tkinter.Label()
    canvas.pack()
for frame in frames(source, fps=2, on_state=print):
    vector = model.embed_image(frame)
    best, *_ = classify.rank(vector)
    page = ImageOps.pad(Image.fromarray(frame.picture), (1280, 720))
    ImageDraw.Draw(page).text((40, 30), f"{best.key} {best.score:.0%}", "white", font_size=64)
    for place, match in enumerate(index.search(vector, count=4)):
        like = ImageOps.fit(Image.open(index.root / match.key).convert("RGB"), (200, 200))
        page.paste(like, (40 + 220 * place, 480))
    if screen:
        canvas.configure(image=(shown := ImageTk.PhotoImage(page)))  # Tk does not keep it
        canvas.update()
    else:
        page.save("kiosk.png")
