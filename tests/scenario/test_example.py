"""examples/fastapi-nextjs as its README says: deployed from nothing, with npm and a real build, changed, broken and mended.

What npm has installed and built stays in UPKEEP_TEST_NEXT, for this test's next run and for test_stacks.py."""

import json
import os
import shutil
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(__file__))
from harness import LIMIT, Scenario, free_port, main

EXAMPLE = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "fastapi-nextjs")
KEPT = os.environ.get("UPKEEP_TEST_NEXT", "")
BUILD = 300  # seconds for npm and the build; generous


def lacks():
    """What this machine lacks for the example, or nothing."""
    if subprocess.run(["/usr/bin/python3", "-c", "import fastapi, uvicorn, websockets, venv"], capture_output=True).returncode:
        return "python3-fastapi, python3-uvicorn and python3-websockets are not installed"
    if not (shutil.which("npm") and shutil.which("node")):
        return "Node.js and npm are not installed"
    node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    if [int(part) for part in node.lstrip("v").split(".")] < [18, 18]:
        return f"Next.js needs Node.js 18.18; here it is {node}"
    with open(os.path.join(EXAMPLE, "web-ui", "package.json")) as f:
        version = json.load(f)["dependencies"]["next"]
    ask = ["npm", "view", f"next@{version}", "version", "--fetch-timeout=10000", "--fetch-retries=1"]
    try:
        answers = subprocess.run(ask, capture_output=True, timeout=60).returncode == 0
    except subprocess.TimeoutExpired:
        answers = False
    return "" if answers else "the npm registry does not answer"


def page(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=LIMIT) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.code}"


class Example(Scenario):
    def setUp(self):
        missing = lacks()
        if missing:
            self.skipTest(f"skipped: {missing}")
        super().setUp()
        self.backend, self.frontend = free_port(), free_port()
        with open(os.path.join(EXAMPLE, "upkeep.ini")) as f:
            manifest = f.read().replace("14200", str(self.backend)).replace("14100", str(self.frontend))
        self.s = self.stack(manifest)
        shutil.copytree(EXAMPLE, self.s.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(
            "upkeep.ini", "node_modules", ".next", ".venv", ".upkeep", "logs", "data", "__pycache__"))
        os.chmod(os.path.join(self.s.folder, ".env.staging"), 0o600)

    def deploy(self, *options, check):
        return self.s.call("deploy", *options, check=check, limit=BUILD)

    def pids(self):
        return {i["app"]: i["pid"] for i in json.loads(self.s.call("status", "--json", check=0).out)["instances"]}

    def keep(self):
        if not KEPT:
            return
        shutil.rmtree(KEPT, ignore_errors=True)
        shutil.copytree(os.path.join(self.s.folder, "web-ui"), KEPT, symlinks=True)

    def test_it_deploys(self):
        s = self.s
        first = self.deploy(check=0)
        self.assertIn("put off until prepare has run", first.out)
        self.assertIn("deployed fastapi-nextjs", first.out)
        self.assertIn("<h1>Notes</h1>", page(self.frontend))
        self.keep()
        before = self.pids()

        # Nothing has changed: nothing is built, nothing restarted.
        again = self.deploy("--if-needed", check=0)
        self.assertIn("frontend: skipped", again.out)
        self.assertEqual(self.pids(), before)

        # A mistake: the build fails, is shown, and the old page is served by the process that served it.
        whole = s.read("web-ui/app/page.jsx").decode()
        s.write("web-ui/app/page.jsx", whole.replace("return (", "return ((", 1))
        failed = self.deploy("--if-needed", check=1)
        self.assertIn("deploy failed in prepare: frontend: step 2 of 2, npm run build, exited with code 1", failed.err)
        self.assertIn("nothing was touched", failed.err)
        self.assertEqual(self.pids(), before)
        self.assertIn("<h1>Notes</h1>", page(self.frontend))

        # Mended and changed: the new page, and the backend goes on as it was.
        s.write("web-ui/app/page.jsx", whole.replace("<h1>Notes</h1>", "<h1>News</h1>"))
        self.deploy("--if-needed", check=0)
        self.assertIn("<h1>News</h1>", page(self.frontend))
        after = self.pids()
        self.assertEqual(after["backend"], before["backend"])
        self.assertNotEqual(after["frontend"], before["frontend"])

        # An empty key is said before anything is harmed.
        s.write(".env.staging", s.read(".env.staging").decode().replace("ANTHROPIC_API_KEY=", "ANTHROPIC_API_KEY=\nX="))
        os.chmod(os.path.join(s.folder, ".env.staging"), 0o600)
        refused = self.deploy("--if-needed", check=1)
        self.assertIn("ANTHROPIC_API_KEY is empty, and require_env names it", refused.out + refused.err)
        self.assertEqual(self.pids(), after)


if __name__ == "__main__":
    main()
