"""Show what stands before the camera, and what is like it: python kiosk.py 0 photos.index cat,dog

Full-screen where there is a screen, else into kiosk.png; edgeclip index DIR makes the index.
"""

import os
import sys

from PIL import Image, ImageDraw, ImageFont, ImageOps

from edgeclip import Index, Model, frames

source, path, labels = sys.argv[1:4]
model = Model.load()
index = Index.open(path, model.space, read_only=True)
classify = model.classifier(labels.split(","), none="something new")
window = None
if os.environ.get("DISPLAY"):
    import tkinter

    from PIL import ImageTk

    window = tkinter.Tk()
    window.attributes("-fullscreen", True)
    canvas = tkinter.Label(window)
    canvas.pack()
for frame in frames(source, fps=2):
    vector = model.embed_image(frame)
    best, *_ = classify.rank(vector)
    page = ImageOps.pad(Image.fromarray(frame.picture), (1280, 720))
    text = f"{best.key} {best.score:.0%}"
    ImageDraw.Draw(page).text((40, 30), text, "white", ImageFont.load_default(64))
    for place, match in enumerate(index.search(vector, count=4)):
        like = ImageOps.fit(Image.open(index.root / match.key).convert("RGB"), (200, 200))
        page.paste(like, (40 + 220 * place, 480))
    if window is None:
        page.save("kiosk.png")
    else:
        canvas.configure(image=(shown := ImageTk.PhotoImage(page)))  # Tk does not keep it
        window.update()
