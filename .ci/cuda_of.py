"""Says how many of NVIDIA's libraries a package brings here, by pip's report (stdin)."""

import json
import sys

from pip._vendor.packaging.requirements import Requirement

(package,) = json.load(sys.stdin)["install"]
needed = [Requirement(text) for text in package["metadata"].get("requires_dist", [])]
here = [one for one in needed if not one.marker or one.marker.evaluate({"extra": ""})]
brought = [one for one in here if one.name.startswith(("nvidia-", "cuda-"))]
if brought:
    print(f"{len(brought)} of NVIDIA's libraries")
