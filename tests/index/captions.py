"""What may be asked of the photographs in scikit-image's wheel, rightly and in vain."""

from pathlib import Path

# Things that are in no picture; neither they nor the pictures were used to choose the rule.
ABSENT = (Path(__file__).parent / "absent.txt").read_text("utf-8").splitlines()
# A caption, a phrase and a bare word; the model has a name for each of these things.
RIGHT = {
    "camera.png": (
        "a man looking through a camera on a tripod",
        "photographer with a tripod",
        "tripod",
    ),
    "chelsea.png": ("a facial photo of a tabby cat", "tabby cat", "cat"),
    "coffee.png": ("a cup of coffee on a saucer", "cup of espresso", "coffee"),
    "horse.png": ("a black and white silhouette of a horse", "black horse", "horse"),
    "motorcycle_left.png": (
        "a red motorcycle standing in a garage",
        "red motorcycle",
        "motorcycle",
    ),
    "rocket.jpg": ("a rocket standing on a launch pad", "rocket at night", "rocket"),
}
