"""One model for a whole application: threads, and asyncio: python embed_in_your_app.py PHOTO...

Inference lets other threads run, so a pool of two keeps a camera and a web page going at once.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from edgeclip import ImageRejected, Model

if len(sys.argv) < 2:
    sys.exit("usage: python embed_in_your_app.py PHOTO...")
model = Model.load()  # once; it may be called from any thread
pool = ThreadPoolExecutor(2)


def describe(photo: str) -> str:
    try:
        best, *_ = classify(photo)
        return f"{photo}: {best.key}"
    except ImageRejected as error:  # a bad picture is no reason to stop
        return str(error)


async def answer(photo: str) -> str:
    # What an async web handler does: the event loop stays free meanwhile.
    return await asyncio.get_running_loop().run_in_executor(pool, describe, photo)


async def main() -> None:
    for answered in asyncio.as_completed([answer(photo) for photo in sys.argv[1:]]):
        print(await answered)


classify = model.classifier(["cat", "rocket", "coffee"], none="none of these")
asyncio.run(main())
print(*pool.map(describe, sys.argv[1:]), sep="\n")
