"""The recordings that the SDK tests play: those of OVTH_RECORDINGS, or else the project's own fixtures."""

import glob
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = (os.path.join(HERE, "..", "fixtures", "recordings"), os.path.join(HERE, "fixtures"))
# So many there must be of each shape when the folder is given.
AT_LEAST = {"messages": 46, "chat-completions": 57, "responses": 25, "generate-content": 40}


class Recording:
    """One exchange with a provider. `name` is its file's, without the ending."""

    def __init__(self, path):
        self.name = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding="utf-8") as file:
            whole = json.load(file)
        self.response = whole["response"]
        self.status = self.response["status"]
        self.stream = whole["stream"] and self.status == 200
        self.request = (whole.get("request") or {}).get("body")


def load(shape):
    """The recordings of a shape, by name, and how many are left out because no folder is given."""
    folder = os.environ.get("OVTH_RECORDINGS")
    paths = [path for root in ([folder] if folder else FIXTURES) for path in glob.glob(os.path.join(root, shape, "*.json"))]
    recordings = sorted(map(Recording, paths), key=lambda recording: recording.name)
    left_out = 0
    if folder:
        assert len(recordings) >= AT_LEAST[shape], f"only {len(recordings)} recordings in {folder}/{shape}"
    else:
        left_out = AT_LEAST[shape] - len(recordings)
    return recordings, left_out
