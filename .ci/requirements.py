"""Print what setup.py asks of pip, one requirement a line: `requirements.py [EXTRA ...]`."""

import runpy
import sys

import setuptools

given = {}
setuptools.setup = lambda **arguments: given.update(arguments)
runpy.run_path("setup.py")
print(*given["install_requires"], sep="\n")
for extra in sys.argv[1:]:
    print(*given["extras_require"][extra], sep="\n")
