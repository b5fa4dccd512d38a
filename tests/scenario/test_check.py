"""Deployments that failed in silence, made again: each is named in one line, before anything is run."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, Scenario, main


class Require(Scenario):
    def refused(self, manifest, files, why):
        """A start fails with exactly this line, before pre_start has run; and check says the same."""
        s = self.stack(manifest, files=files)
        result = s.call("check")
        self.assertEqual(result.code, 1, result)
        s.run()
        app = s.wait_state("a", "failed")
        self.assertEqual(app["why"], why)
        self.assertIn(why.partition(": ")[2].partition(" (and ")[0], result.out)
        self.assertEqual(app["pid"], None)
        self.assertNotIn("pre_start was here", s.log("a"))
        return s

    MANIFEST = f"""[app:a]
command = {CHILD} run
pre_start = {CHILD} say 'pre_start was here' exit 0
restart = never
"""

    def test_variable_is_empty(self):
        s = self.refused(self.MANIFEST + "env_file = .env.staging\nrequire_env =\n  ANTHROPIC_API_KEY\n",
                         {".env.staging": "A=1\nANTHROPIC_API_KEY=\n"},
                         ".env.staging:2: ANTHROPIC_API_KEY is empty, and require_env names it")
        s.write(".env.staging", "ANTHROPIC_API_KEY=sk-ant-api03-v3ry\n")
        s.call("start", "a", check=0)
        self.assertIn("pre_start was here", s.log("a"))

    def test_variable_is_a_placeholder(self):
        s = self.refused(self.MANIFEST + "env_file = .env.staging\nrequire_env = ANTHROPIC_API_KEY\n",
                         {".env.staging": "ANTHROPIC_API_KEY=your-anthropic-api-key-here\n"},
                         ".env.staging:1: ANTHROPIC_API_KEY is still a placeholder, and require_env names it")
        self.assertNotIn("your-anthropic", s.output() + s.call("check").out)

    def test_variable_is_not_set(self):
        self.refused(self.MANIFEST + "env_file = .env\nrequire_env =\n  OTHER\n  NOT_THERE_AT_ALL\n",
                     {".env": "OTHER=1\n"},
                     "upkeep.ini:8: require_env: NOT_THERE_AT_ALL is not set (looked in .env)")

    def test_path_is_relative_to_root(self):
        s = self.refused(self.MANIFEST + "cwd = web\nrequire_path =\n  web/package.json\n  web/.next/BUILD_ID\n",
                         {"web/package.json": "{}"}, "upkeep.ini:8: require_path: web/.next/BUILD_ID does not exist")
        s.write("web/.next/BUILD_ID", "1")
        s.call("start", "a", check=0)

    def test_several_are_counted(self):
        self.refused(self.MANIFEST + "require_path = one, two\n", {},
                     "upkeep.ini:5: require_path: one does not exist (and 1 more)")


if __name__ == "__main__":
    main()
