"""`make console`: checks and builds the page at /console from `console/`, with tools from npm.

The built files are in the repository, so that nothing else needs npm.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from local import npm
from local.judges import CONSOLE
from local.setup import ROOT

SOURCE = CONSOLE
BUILT = ROOT / "layers" / "shared" / "aichats" / "api" / "pages" / "console"
BUNDLED = ("openapi-fetch", "preact")
"""The packages whose code is part of the page."""
BUNDLE = ("--bundle", "--minify", "--target=es2022,chrome123,firefox120,safari17.5", "--legal-comments=none")
"""The oldest browsers are the first ones with the CSS function ``light-dark``."""

COMPRESS = """
const { readFileSync, writeFileSync } = require("node:fs");
const { brotliCompressSync, constants } = require("node:zlib");
const file = process.argv[1];
const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
writeFileSync(`${file}.br`, brotliCompressSync(readFileSync(file), { params }));
"""
"""The program that writes a file beside a file, compressed as far as possible."""


def main() -> int:
    """Install the tools if that is needed, check the code, and build the page. Return the exit code."""
    program = shutil.which("npm")
    if program is None:
        print(f"console: {npm.MISSING}", file=sys.stderr)
        return 1
    if code := npm.install(program, SOURCE, SOURCE, "console"):
        return code
    try:
        write_types()
        run("biome", "check", "--error-on-warnings")
        run("tsc")
        build(BUILT)
    except subprocess.CalledProcessError as error:
        return error.returncode
    for file in sorted(BUILT.iterdir()):
        print(f"{file.stat().st_size:8,} bytes  {file.relative_to(ROOT)}")
    return 0


def write_types() -> None:
    """Write the types of the HTTP API, from its OpenAPI document."""
    run("openapi-typescript", "../docs/reference/openapi.json", "--output", "src/api/schema.d.ts")


def build(folder: Path) -> None:
    """Build the page into a folder: the script, the HTML with its style and its first script, and the licenses.

    Script and page are also compressed with brotli, which Python's standard library lacks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script, page = folder / "console.js", folder / "index.html"
    run("esbuild", "src/main.tsx", "--format=esm", *BUNDLE, f"--outfile={script}")
    style = run("esbuild", "src/styles/main.css", *BUNDLE).strip()
    start = run("esbuild", "src/start.ts", "--format=iife", *BUNDLE).strip()
    name = f"console.{hashlib.sha256(script.read_bytes()).hexdigest()[:16]}.js"
    parts = {"$style": style, "$start": start, "$script": name}
    html = (SOURCE / "src" / "index.html").read_text()
    for place, part in parts.items():
        html = html.replace(place, part)
    page.write_text(html)
    texts = [f"{name}\n\n{license_of(name)}" for name in BUNDLED]
    (folder / "licenses.txt").write_text("\n\n".join(["console.js contains these libraries.", *texts]))
    for file in (script, page):
        node(COMPRESS, file)


def node(program: str, *arguments: Path) -> None:
    """Run a program for Node.js, which comes with npm.

    Raises:
        CalledProcessError: the program failed. It has printed the reason.
    """
    subprocess.run(["node", "--eval", program, *arguments], cwd=SOURCE, check=True)


def license_of(package: str) -> str:
    """Return the text of a package's license."""
    return (SOURCE / "node_modules" / package / "LICENSE").read_text().strip() + "\n"


def run(tool: str, *arguments: str) -> str:
    """Run a tool of the lock file in the folder of the source. Return what it prints.

    Raises:
        CalledProcessError: the tool failed. It has printed the reason.
    """
    command: list[Path | str] = [SOURCE / "node_modules" / ".bin" / tool, *arguments]
    return subprocess.run(command, cwd=SOURCE, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
