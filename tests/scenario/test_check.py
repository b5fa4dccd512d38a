"""Deployments that failed in silence, made again: each is named in one line, before anything is run."""

import json
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import AS_NOBODY, CHILD, Scenario, free_port, main, until


PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/troubleshooting.md")
SAID = set()  # each line that was asserted, for the page


def normal(line):
    """Without what differs from run to run: ports, processes, times."""
    line = re.sub(r"pid \d+ \(.*\)$", "pid N (WHO)", line)
    line = re.sub(r"after [\d.]+m?s", "after T", line)
    line = re.sub(r"(\d+) times in a row", "N times in a row", line)
    return re.sub(r"(port |:)\d{4,5}\b", r"\1N", line)


class Require(Scenario):
    def refused(self, manifest, files, why):
        """A start fails with exactly this line, before pre_start has run; and check says the same."""
        s = self.stack(manifest, files=files)
        result = s.call("check")
        self.assertEqual(result.code, 1, result)
        s.run()
        app = s.wait_state("a", "failed")
        self.assertEqual(app["why"], why)
        SAID.add(normal(why))
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


class Incidents(Scenario):
    """Each is told in the one line that stands here, and without it there is nothing to tell."""

    def findings(self, s, *words):
        return json.loads(s.call("check", "--json", *words).out)["findings"]

    def told(self, manifest, files, line, code, rule, before=None, words=()):
        s = self.stack(manifest, files=files)
        if before:
            before(s)
        result = s.call("check", *words)
        self.assertIn(line + "\n", result.out, result)
        SAID.add(normal(line))
        self.assertEqual(result.code, code, result)
        found = [f for f in self.findings(s, *words) if f["rule"] == rule]
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0]["advice"])
        self.assertIn(f"    → {found[0]['advice']}\n", result.out)
        if found[0]["severity"] != "error":
            self.assertEqual(s.call("check", "--strict", *words).code, 1 if found[0]["severity"] == "warning" else 0)
            s.write("upkeep.ini", manifest + f"lint_ignore = {rule}\n")
            self.assertEqual([f for f in self.findings(s, *words) if f["rule"] == rule], [])
        return s

    def test_virtual_environment_is_missing(self):
        self.told("[app:backend]\ncommand = .venv/bin/uvicorn main:app\n", {},
                  "upkeep.ini:2: error: backend: command: cannot execute .venv/bin/uvicorn: No such file or directory",
                  1, "program")

    def test_virtual_environment_was_moved(self):
        def before(s):
            os.chmod(s.write(".venv/bin/uvicorn", "#!/home/anna/shop/.venv/bin/python3\n"), 0o755)
        self.told("[app:backend]\ncommand = .venv/bin/uvicorn main:app\n", {},
                  "upkeep.ini:2: error: backend: command: .venv/bin/uvicorn: its interpreter "
                  "/home/anna/shop/.venv/bin/python3 is missing", 1, "interpreter", before)

    def test_interpreter_is_not_in_path(self):
        def before(s):
            os.chmod(s.write("serve", "#!/usr/bin/env no-such-python\n"), 0o755)
        self.told("[app:backend]\ncommand = ./serve\n", {},
                  "upkeep.ini:2: error: backend: command: ./serve: its interpreter no-such-python is not in PATH",
                  1, "interpreter", before)

    def test_script_with_windows_line_ends(self):
        def before(s):
            os.chmod(s.write("serve.sh", "#!/bin/sh\r\nexit\r\n"), 0o755)
        self.told("[app:backend]\ncommand = ./serve.sh\n", {},
                  "upkeep.ini:2: error: backend: command: ./serve.sh: its first line ends as on Windows (CRLF), so that "
                  "/bin/sh is not found", 1, "interpreter", before)

    FRONTEND = "[app:frontend]\ncommand = ./next start\ncwd = web\n"

    @staticmethod
    def next_is_there(s):
        os.chmod(s.write("web/next", "#!/bin/sh\n"), 0o755)

    def test_node_modules_are_missing(self):
        self.told(self.FRONTEND, {"web/package-lock.json": "{}", "web/.next/BUILD_ID": "1",
                                  "web/package.json": '{"dependencies": {"next": "14"}}'},
                  "web/package-lock.json: warning: frontend: node_modules is missing, which is made from "
                  "package-lock.json [missing-build]", 0, "missing-build", self.next_is_there)

    def test_no_node_modules_where_nothing_is_needed(self):
        s = self.stack("[app:a]\ncommand = ./npm start\n", files={
            "package-lock.json": "{}", "package.json": '{"scripts": {"start": "true"}}'})
        os.chmod(s.write("npm", "#!/bin/sh\n"), 0o755)
        self.assertEqual(self.findings(s), [])

    def test_next_is_not_built(self):
        self.told(self.FRONTEND, {},
                  "web/.next/BUILD_ID: error: frontend: there is no build that next start could serve",
                  1, "next-build", self.next_is_there)

    def test_next_is_built_elsewhere(self):
        files = {"web/next.config.mjs": "export default { distDir: 'out/next' };\n"}
        self.told(self.FRONTEND, files, "web/out/next/BUILD_ID: error: frontend: there is no build that next start could "
                  "serve", 1, "next-build", self.next_is_there)
        for config in (files["web/next.config.mjs"], "export default { distDir: process.env.DIST };\n"):
            s = self.stack(self.FRONTEND, files={"web/next.config.mjs": config, "web/out/next/BUILD_ID": "1"})
            self.next_is_there(s)
            self.assertEqual(self.findings(s), [])

    NPM = "[app:frontend]\ncommand = ./npm {}\ncwd = {}\n"
    PACKAGE = '{"scripts": {"start": "PORT=1 next start", "serve": "./npm run start"}, "dependencies": {"next": "15"}}'

    def npm_stack(self, words="start", cwd="web", **files):
        s = self.stack(self.NPM.format(words, cwd), files={"web/package.json": self.PACKAGE, **files})
        for folder in ("web", "."):
            os.chmod(s.write(f"{folder}/npm", "#!/bin/sh\n"), 0o755)
        return s

    def test_npm_script_without_node_modules(self):
        line = ("upkeep.ini:2: error: frontend: command: the script start of package.json runs next, which is neither in "
                "node_modules/.bin nor in PATH")
        for words, cwd in (("start", "web"), ("run start", "web"), ("run serve", "web"), ("start --prefix web", "."),
                           ("--prefix=web run start", "."), ("-C web start", ".")):
            s = self.npm_stack(words, cwd)
            result = s.call("check", check=1)
            self.assertIn(line + "\n    → install the packages: npm ci", result.out, words)
        SAID.add(normal(line))

    def test_npm_script_is_found(self):
        built = {"web/.next/BUILD_ID": "1"}
        for folder in ("web", "."):  # npm looks above, too
            s = self.npm_stack(**built)
            os.chmod(s.write(f"{folder}/node_modules/.bin/next", "#!/bin/sh\n"), 0o755)
            self.assertEqual(self.findings(s), [], folder)
        for words in ("start -w web", "--workspace=web start", "--filter web start"):
            self.assertEqual(self.findings(self.npm_stack(words, ".")), [], words)
        self.assertEqual(self.findings(self.npm_stack(**built, **{"web/.pnp.cjs": ""})), [])

    def test_npm_script_is_listed(self):
        self.assertIn('command: package.json has no script "dev" (it has start, serve)\n',
                      self.npm_stack("run dev").call("check", check=1).out)

    def test_shell_commands(self):
        def findings(command, **files):
            s = self.stack(f"[app:a]\nshell = true\ncommand = {command}\n", files=files)
            return [(f["rule"], f["text"]) for f in self.findings(s)]
        self.assertEqual(findings("cd web && true"), [("folder", "command: cannot enter web: No such file or directory")])
        self.assertEqual(findings("no-such-program -x | cat"),
                         [("program", "command: its shell cannot execute no-such-program: No such file or directory")])
        self.assertEqual(findings(". .venv/bin/activate && uvicorn main:app"),
                         [("program", "command: cannot read .venv/bin/activate: No such file or directory")])
        self.assertEqual(findings("node dist/server.js")[0][1], "command: node has no dist/server.js to run")
        self.assertEqual(findings("sh -c 'next dev'")[0][0], "program")
        for fine in ("no-such-program || true", "no-such-program; cat", "if no-such-program; then :; fi", "$PROGRAM start",
                     "PATH=x:$PATH no-such-program", ". ./settings && no-such-program", "cd $HOME && ./no-such-program",
                     "export A=1; exec cat", "umask 022 && cat > /dev/null 2>&1"):
            self.assertEqual(findings(fine), [], fine)
        self.assertEqual(findings("cd web && . ../.venv/bin/activate && serve",
                                  **{"web/x": "", ".venv/bin/activate": ""})[0][0], "program")

    def test_file_to_run_is_missing(self):
        self.told("[app:a]\ncommand = python3 manage.py migrate\n", {},
                  "upkeep.ini:2: error: a: command: python3 has no manage.py to run", 1, "program")

    def test_folders_as_elsewhere(self):
        for cwd, advice in (('"web"', "write it without quotes: they are part of the name here"),
                            (".\\web", "write it with slashes (web/app), relative to root"),
                            ("~web", "write the folder itself: only ~/ stands for a home"),
                            ("no", "make the folder, or correct the path or its permissions")):
            found = self.findings(self.stack(f"[app:a]\ncommand = cat\ncwd = {cwd}\n"))
            self.assertEqual([(f["rule"], f["line"], f["advice"]) for f in found], [("folder", 3, advice)])

    def test_what_is_for_a_shell(self):
        self.told("[app:a]\ncommand = cat && cat\n", {},
                  "upkeep.ini:2: warning: a: command: && is for a shell, and no shell runs this [shell-sign]", 0, "shell-sign")
        self.told("[app:a]\ncommand = cat\nprepare =\n  true\n  cat > out.log\n", {},
                  "upkeep.ini:5: warning: a: prepare: > is for a shell, and no shell runs this [shell-sign]", 0, "shell-sign")
        self.told("[app:a]\ncommand = cd web && cat\n", {},
                  "upkeep.ini:2: error: a: command: cannot run cd without a shell", 1, "program")
        variable = self.findings(self.stack("[app:a]\ncommand = cat $HOME\n"))[0]
        self.assertEqual(variable["advice"], "write ${NAME}, which upkeep fills in, or set shell = true")
        for command, advice in (("cd web && npm start", "write the folder as cwd, or set shell = true"),
                                ("FOO=1 node x.js", "write the variable as a line of env, or set shell = true"),
                                ("source .venv/bin/activate && serve", "name the program in its folder (.venv/bin/python), "
                                 "use env_file for variables, or set shell = true")):
            s = self.stack(f"[app:a]\ncommand = {command}\n")
            word = f"cannot run {command.split()[0]} without a shell"
            self.assertEqual([(f["rule"], f["text"], f["advice"]) for f in self.findings(s)],
                             [("program", "command: " + word, advice)])
            self.assertIn(f"a: {word}: {advice}\n", s.call("start", check=1).err)
        for fine in ("shell = true\ncommand = cat | cat", "command = sh -c 'cat && cat'", "command = cat \\; '&&'"):
            self.assertEqual(self.findings(self.stack(f"[app:a]\n{fine}\n")), [], fine)

    def test_fixed_sleep(self):
        self.told("[app:a]\ncommand = sh -c true\npre_start = sleep 10\n", {},
                  "upkeep.ini:3: warning: a: pre_start waits for a fixed time: sleep 10 [fixed-sleep]", 0, "fixed-sleep")
        self.told("[app:a]\nshell = true\ncommand = sleep 10; exec cat\n", {},
                  "upkeep.ini:3: warning: a: command waits for a fixed time: sleep 10 [fixed-sleep]", 0, "fixed-sleep")
        self.told("[app:a]\ncommand = sh -c true\nready = exec:sleep 5s\n", {},
                  "upkeep.ini:3: warning: a: ready waits for a fixed time: sleep 5s [fixed-sleep]", 0, "fixed-sleep")
        for command in ("sleep 1000", "sh -c 'true; sleep 1000'", "sh -c 'sleep infinity; true'"):
            self.assertEqual(self.findings(self.stack(f"[app:a]\ncommand = {command}\n")), [], command)

    def test_stop_that_cuts_requests_off(self):
        def before(s):
            os.chmod(s.write("nginx", "#!/bin/sh\n"), 0o755)
        nginx = "[app:a]\ncommand = ./nginx -g 'daemon off;'\n"
        self.told("[app:a]\ncommand = sh -c true\nstop_signal = SIGKILL\n", {},
                  "upkeep.ini:3: warning: a: stop_signal is SIGKILL: requests are cut off, and nothing is written to its end "
                  "[hard-stop]", 0, "hard-stop")
        self.told(nginx, {}, "upkeep.ini:1: note: a: nginx ends at SIGTERM at once, in the middle of requests; at SIGQUIT it "
                  "answers them first [graceful-stop]", 0, "graceful-stop", before)
        s = self.stack(nginx + "stop_signal = SIGQUIT\n")
        before(s)
        self.assertEqual(self.findings(s), [])

    def test_virtual_environment_is_empty(self):
        config = "home = {}/base/bin\ninclude-system-site-packages = {}\nversion = 3.11\n"
        def before(s, system="false"):
            os.chmod(s.write(".venv/bin/python", "#!/bin/sh\n"), 0o755)
            s.write(".venv/lib/python3.11/site-packages/distutils-precedence.pth", "")
            s.write("base/lib/python3.11/os.py", "")
            s.write("base/bin/x", "")
            s.write(".venv/pyvenv.cfg", config.format(s.folder, system))
        manifest = "[app:backend]\ncommand = .venv/bin/python -m {} main:app\n"
        self.told(manifest.format("uvicorn"), {},
                  "upkeep.ini:2: error: backend: command: .venv/bin/python has no module uvicorn", 1, "program", before)
        for module, files, system in (("uvicorn", {".venv/lib/python3.11/site-packages/uvicorn/__init__.py": ""}, "false"),
                                      ("api.main", {"api/main.py": ""}, "false"), ("main", {"main.py": ""}, "false"),
                                      ("http.server", {"base/lib/python3.11/http/server.py": ""}, "false"),
                                      ("uvicorn", {".venv/lib/python3.11/site-packages/x.pth": ""}, "false"),
                                      ("uvicorn", {}, "true")):
            s = self.stack(manifest.format(module), files=files)
            before(s, system)
            self.assertEqual(self.findings(s), [], module)

    def test_goes_into_the_background(self):
        def before(s):
            for name in ("redis-server", "gunicorn", "nginx"):
                os.chmod(s.write(name, "#!/bin/sh\n"), 0o755)
        self.told("[app:redis]\ncommand = ./redis-server --port 6379 --daemonize yes\n", {},
                  "upkeep.ini:2: error: redis: command goes into the background: redis-server --daemonize yes",
                  1, "background", before)
        self.told("[app:nginx]\ncommand = ./nginx -p . -c nginx.conf\n", {"nginx.conf": "events {}\n"},
                  'upkeep.ini:2: error: nginx: command goes into the background: nginx without "daemon off;" in nginx.conf '
                  "or in -g", 1, "background", before)
        for command, conf in (("./redis-server --daemonize no", ""), ("./gunicorn shop.wsgi -b :1", ""),
                              ("./nginx -p . -c nginx.conf", "daemon  off;\n"),
                              ("./nginx -p . -c nginx.conf -g 'daemon off;'", "")):
            s = self.stack(f"[app:a]\ncommand = {command}\nstop_signal = SIGQUIT\n", files={"nginx.conf": conf})
            before(s)
            self.assertEqual(self.findings(s), [], command)

    def test_placeholder_that_nobody_requires(self):
        s = self.told("[app:a]\ncommand = sh -c true\nenv_file = .env.staging\n",
                      {".env.staging": "A=1\nANTHROPIC_API_KEY=your-anthropic-api-key-here\nGREETING=changeme\n"},
                      ".env.staging:2: warning: a: ANTHROPIC_API_KEY is still a placeholder [placeholder]", 0,
                      "placeholder", lambda s: os.chmod(os.path.join(s.folder, ".env.staging"), 0o600))
        s.write("upkeep.ini", "[upkeep]\nname = shop-dev\n[app:a]\ncommand = sh -c true\nenv_file = .env.staging\n")
        self.assertEqual(self.findings(s), [])

    def test_secret_is_empty(self):
        self.told("[app:a]\ncommand = sh -c true\nenv_file = .env\n", {".env": "ANTHROPIC_API_KEY=\nNAME=\n"},
                  ".env:1: note: a: ANTHROPIC_API_KEY is empty [empty-secret]", 0, "empty-secret")

    def test_dotenv_does_not_reach_the_app(self):
        self.told("[app:a]\ncommand = sh -c true\nrequire_env = API_KEY\n", {".env.staging": "A=1\nAPI_KEY=k\n"},
                  "upkeep.ini:3: error: a: require_env: API_KEY is not set: it is in .env.staging:2, which no env_file of the "
                  "app names", 1, "require-env")
        self.told("[app:a]\ncommand = sh -c true\n", {".env.staging": "A=1\n", ".env.example": "A=\n"},
                  "upkeep.ini:2: note: a: .env.staging is there, and no env_file of the app names it [unread-dotenv]", 0,
                  "unread-dotenv")
        for name, command in ((".env.example", "sh -c true"), (".env.dev", "sh -c true"), (".env", "./node x")):
            s = self.stack(f"[app:a]\ncommand = {command}\n", files={name: "A=1\n"})
            os.chmod(s.write("node", "#!/bin/sh\n"), 0o755)
            self.assertEqual(self.findings(s), [], name)

    def test_next_is_stale_after_git_pull(self):
        def before(s):
            self.next_is_there(s)
            old = time.time() - 60
            os.utime(s.write("web/.next/BUILD_ID", "1"), (old, old))
            s.write("web/node_modules/x/index.js", "")
        self.told(self.FRONTEND, {"web/app/page.tsx": ""},
                  "web/.next/BUILD_ID: warning: frontend: the build is older than app/page.tsx [stale-build]",
                  0, "stale-build", before)

    def test_node_modules_are_stale_after_git_pull(self):
        def before(s):
            self.next_is_there(s)
            old = time.time() - 60
            s.write("web/.next/BUILD_ID", "1")
            os.utime(s.write("web/node_modules/.package-lock.json", "{}"), (old, old))
        self.told(self.FRONTEND, {"web/package-lock.json": "{}"},
                  "web/package-lock.json: warning: frontend: node_modules is older than package-lock.json [stale-build]",
                  0, "stale-build", before)

    def test_virtual_environment_is_stale_after_git_pull(self):
        def before(s):
            old = time.time() - 60
            s.write(".venv/lib/python3.11/site-packages/x.py", "")
            os.chmod(s.write(".venv/bin/serve", "#!/bin/sh\n"), 0o755)
            os.utime(s.write(".venv/pyvenv.cfg", ""), (old, old))
            for folder in (".venv/lib/python3.11/site-packages", ".venv"):
                os.utime(os.path.join(s.folder, folder), (old, old))
        s = self.told("[app:backend]\ncommand = .venv/bin/serve\n", {"requirements.txt": "fastapi\n"},
                      "requirements.txt: warning: backend: .venv is older than requirements.txt [stale-build]",
                      0, "stale-build", before)
        os.utime(os.path.join(s.folder, ".venv/lib/python3.11/site-packages"))
        s.write("upkeep.ini", "[app:backend]\ncommand = .venv/bin/serve\n")
        self.assertEqual(self.findings(s), [])

    def test_prepared_apps_are_judged_by_contents(self):
        manifest = ("[app:frontend]\ncommand = ./next start\ncwd = web\nprepare = sh -c 'mkdir -p .next; touch .next/BUILD_ID'"
                    "\nprepare_inputs = app/**\nrequire_path = web/.next\n")
        s = self.stack(manifest, files={"web/app/page.tsx": "1"})
        self.next_is_there(s)
        result = s.call("check", check=1)
        self.assertIn("upkeep.ini:6: error: frontend: require_path: web/.next does not exist\n"
                      "    → install and build it: upkeep prepare frontend\n", result.out)
        s.call("prepare", check=0)
        self.assertEqual(self.findings(s), [])
        later = time.time() + 60
        os.utime(os.path.join(s.folder, "web/app/page.tsx"), (later, later))
        self.assertEqual(self.findings(s), [])
        s.write("web/app/page.tsx", "2")
        line = "upkeep.ini:5: warning: frontend: app/page.tsx has changed since it was prepared [stale-build]"
        self.assertIn(line + "\n    → install and build it: upkeep prepare frontend\n", s.call("check", check=0).out)
        SAID.add(normal(line))
        s.call("prepare", check=0)
        self.assertEqual(self.findings(s), [])

    def test_paths_of_one_developer(self):
        self.told("[app:backend]\ncommand = sh -c true\nenv =\n  A=1\n  MODELS=/home/anna/models\n", {},
                  "upkeep.ini:5: warning: backend: MODELS points into /home/anna, one user's home on one machine "
                  "[home-path]", 0, "home-path")

    def test_key_of_the_example_is_not_set(self):
        self.told("[app:backend]\ncommand = sh -c true\nenv_file = .env.staging\n",
                  {".env.staging": "A=1\n", ".env.example": "# keys\nA=\nSTRIPE_KEY=\n"},
                  ".env.example:3: warning: backend: STRIPE_KEY is not in .env.staging, nor set otherwise [env-example]",
                  0, "env-example")

    def test_secrets_in_the_open(self):
        def before(s):
            os.chmod(os.path.join(s.folder, ".env"), 0o644)
        s = self.told("[app:backend]\ncommand = sh -c true\nenv_file = .env\n", {".env": "API_KEY=s3cr3t\n"},
                      ".env: warning: backend: holds secrets (API_KEY) and can be read by every user (mode 0644) "
                      "[secret-mode]", 0, "secret-mode", before)
        self.assertNotIn("s3cr3t", s.call("check").out)
        os.chmod(os.path.join(s.folder, ".env"), 0o600)
        s.write("upkeep.ini", "[app:backend]\ncommand = sh -c true\nenv_file = .env\n")
        self.assertEqual(self.findings(s), [])

    def test_port_is_held_by_a_stranger(self):
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            held.listen()
            port = held.getsockname()[1]
            s = self.stack(f"[app:backend]\ncommand = {CHILD} run\nport = {port}\n")
            result = s.call("check")
            self.assertEqual(result.code, 1, result)
            self.assertRegex(result.out, rf"^upkeep.ini:3: error: backend: port {port} is held by pid {os.getpid()} "
                                         r"\(\S+ test_check.py, user \S+(, \S+)?\)\n    → (end it: kill|stop that)")
            SAID.add(normal(result.out.splitlines()[0]))

    def test_port_is_held_by_another_upkeep(self):
        port = free_port()
        manifest = f"[app:backend]\ncommand = {CHILD} listen {port} serve\nport = {port}\n"
        s = self.stack(manifest).run()
        s.call("wait", check=0)
        self.assertIn(f"    → it is an app of the upkeep in {s.folder}: upkeep shutdown there, or give the app another port\n",
                      self.stack(manifest).call("check", check=1).out)

    def test_own_apps_hold_their_ports(self):
        port = free_port()
        s = self.stack(f"[app:backend]\ncommand = {CHILD} listen {port} serve\nport = {port}\n").run()
        s.call("wait", check=0)
        self.assertEqual(self.findings(s), [])

    def test_two_apps_on_one_port(self):
        port = free_port()
        self.told(f"[app:a]\ncommand = sh -c true\nport = {port}\n[app:b]\ncommand = sh -c true\nport = {port}\n", {},
                  f"upkeep.ini:6: error: b: port {port} is also the port of a", 1, "port-twice")

    def test_privileged_port(self):
        if os.geteuid() != 0:
            self.skipTest("skipped: needs root to become somebody without rights")
        s = self.stack("[app:a]\ncommand = sh -c true\nport = 81\n")
        for path in (s.top, s.folder):
            os.chmod(path, 0o777)
        result = s.call("check", prefix=AS_NOBODY)
        if "ip_unprivileged" in result.out or result.code == 0:
            with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
                self.skipTest(f"skipped: ports from {f.read().strip()} on are for all here")
        self.assertIn("upkeep.ini:3: error: a: port 81 is below the first that every user may open", result.out)

    def test_development_server_in_staging(self):
        manifest = "[app:frontend]\ncommand = ./next dev\ncwd = web\n[app:frontend@{}]\nautostart = true\n"
        s = self.stack(manifest.format("staging"))
        self.next_is_there(s)
        result = s.call("check", "--profile", "staging", check=0)
        self.assertIn("upkeep.ini:2: warning: frontend: command is for development: next dev [dev-command]\n", result.out)
        SAID.add(normal(result.out.splitlines()[0]))
        s.write("upkeep.ini", manifest.format("dev"))
        self.assertEqual(self.findings(s, "--profile", "dev"), [])

    def test_development_server_behind_a_script(self):
        def before(s):
            os.chmod(s.write("web/npm", "#!/bin/sh\n"), 0o755)
            os.chmod(s.write("web/node_modules/.bin/next", "#!/bin/sh\n"), 0o755)
        self.told("[app:frontend]\ncommand = ./npm start\ncwd = web\n",
                  {"web/package.json": '{"scripts": {"start": "next dev -p 14100"}}'},
                  "upkeep.ini:2: warning: frontend: command is for development: next dev, by the script start of "
                  "package.json [dev-command]", 0, "dev-command", before)

    def test_script_is_not_in_package_json(self):
        def before(s):
            os.chmod(s.write("web/npm", "#!/bin/sh\n"), 0o755)
        self.told("[app:frontend]\ncommand = ./npm run serve\ncwd = web\n", {"web/package.json": '{"scripts": {}}'},
                  'upkeep.ini:2: error: frontend: command: package.json has no script "serve"', 1, "npm-script", before)

    def test_node_env_that_next_does_not_know(self):
        def before(s):
            self.next_is_there(s)
            s.write("web/.next/BUILD_ID", "1")
        self.told(self.FRONTEND + "env = NODE_ENV=staging\n", {},
                  'upkeep.ini:4: warning: frontend: NODE_ENV is "staging", which Next.js does not know (production, '
                  "development, test) [node-env]", 0, "node-env", before)

    def test_redis_is_not_running(self):
        port = free_port()
        self.told("[app:backend]\ncommand = sh -c true\nenv_file = .env\n",
                  {".env": f"REDIS_URL=redis://localhost:{port}/0\n"},
                  f".env:1: warning: backend: REDIS_URL points to port {port} of this machine, where nobody listens "
                  "[service-down]", 0, "service-down")

    def test_redis_by_host_and_port(self):
        port = free_port()
        self.told("[app:backend]\ncommand = sh -c true\nenv_file = .env\n",
                  {".env": f"REDIS_PORT={port}\nREDIS_HOST=localhost\n"},
                  f".env:2: warning: backend: REDIS_HOST points to port {port} of this machine, where nobody listens "
                  "[service-down]", 0, "service-down")
        s = self.stack("[app:backend]\ncommand = sh -c true\nenv_file = .env\n",
                       files={".env": f"REDIS_PORT={port}\nREDIS_HOST=redis.internal\nDB_HOST=localhost\nHOST=localhost\n"})
        self.assertEqual(self.findings(s), [])

    def test_websockets_that_a_wsgi_server_answers_with_404(self):
        def before(s):
            os.chmod(s.write("python", "#!/bin/sh\n"), 0o755)
        manifest = "[app:backend]\ncommand = ./python manage.py runserver\nlint_ignore = dev-command\n"
        files = {"manage.py": "setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n", "shop/settings.py": "",
                 "shop/asgi.py": "ProtocolTypeRouter({'websocket': x})\n"}
        s = self.stack(manifest, files=files)
        before(s)
        line = ("upkeep.ini:2: warning: backend: command serves WSGI, which answers WebSockets with 404, and asgi.py has "
                "some [asgi]")
        self.assertIn(line, s.call("check", check=0).out)
        SAID.add(normal(line))
        s.write("shop/settings.py", "INSTALLED_APPS = ['daphne']\n")
        self.assertEqual(self.findings(s), [])

    def test_fastapi_behind_a_wsgi_server(self):
        def before(s):
            os.chmod(s.write("gunicorn", "#!/bin/sh\n"), 0o755)
        command = "[app:backend]\ncommand = ./gunicorn -w 2 {}api.main:app -b :1\n"
        files = {"api/main.py": "app = FastAPI()\n"}
        self.told(command.format(""), files, "upkeep.ini:2: warning: backend: command serves WSGI, and api/main.py is an ASGI "
                  "application: every request would fail [asgi]", 0, "asgi", before)
        for kind, text in (("-k uvicorn.workers.UvicornWorker ", "app = FastAPI()\n"), ("", "app = Flask(__name__)\n")):
            s = self.stack(command.format(kind), files={"api/main.py": text})
            before(s)
            self.assertEqual(self.findings(s), [], kind)

    def test_wsgi_server_where_websockets_need_asgi(self):
        def before(s):
            os.chmod(s.write("gunicorn", "#!/bin/sh\n"), 0o755)
        self.told("[app:backend]\ncommand = ./gunicorn shop.wsgi:application\n", {"shop/asgi.py": ""},
                  "upkeep.ini:2: note: backend: command serves WSGI, which answers WebSockets with 404, and there is an "
                  "asgi.py [wsgi]", 0, "wsgi", before)

    def test_folder_is_missing(self):
        self.told("[app:frontend]\ncommand = sh -c true\ncwd = web-ui\n", {},
                  "upkeep.ini:3: error: frontend: cannot enter web-ui: No such file or directory", 1, "folder")

    def test_dotenv_file_is_missing(self):
        self.told("[app:backend]\ncommand = sh -c true\nenv_file = .env.staging\n", {},
                  "upkeep.ini:3: error: backend: cannot read .env.staging: No such file or directory", 1, "manifest")

    def test_logs_folder_is_made(self):
        s = self.stack(f"[upkeep]\nlog_dir = var/log/shop\n[app:a]\ncommand = {CHILD} say here run\n")
        self.assertEqual(self.findings(s), [])
        s.run()
        log = os.path.join(s.folder, "var/log/shop/a.log")
        until("it has been written to", lambda: os.path.exists(log) and b"here" in s.read(log))

    def test_errors_cannot_be_silenced(self):
        s = self.stack("[app:a]\ncommand = x\nlint_ignore = program, dev-comand\n")
        result = s.call("check")
        self.assertIn("program cannot be silenced: what it finds makes a start fail", result.out)
        self.assertIn('no rule "dev-comand" (did you mean dev-command?)', result.out)

    def test_rules_are_listed_without_a_manifest(self):
        s = self.stack("nonsense")
        listed = s.call("check", "--list-rules", check=0).out
        rules = json.loads(s.call("check", "--list-rules", "--json", check=0).out)["rules"]
        self.assertIn("dev-command", [rule["rule"] for rule in rules])
        self.assertEqual(len(listed.splitlines()), len(rules) + 1)


class Troubleshooting(Scenario):
    """What a start says; and the page, which holds nothing that no test has seen. Comes last by its name."""

    def failed(self, why, *states, files=None, **keys):
        s = self.stack("[app:a]\nrestart = never\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()),
                       files=files).run()
        app = s.wait_state("a", *(states or ("failed",)))
        self.assertRegex(app["why"], f"^{why}$")
        self.assertIn(app["why"], s.output())
        SAID.add(normal(app["why"]))
        return s

    def test_crash(self):
        s = self.failed(r"exited with code 3 after \S+", command=f"{CHILD} say 'KeyError: REDIS_URL' exit 3")
        self.assertIn("| KeyError: REDIS_URL", s.output())

    def test_not_ready(self):
        port = free_port()
        self.failed(f"not ready within 300ms: connection refused on 127.0.0.1:{port}", command=f"{CHILD} run", port=port,
                    ready_timeout="300ms")

    def test_listens_elsewhere(self):
        port, other = free_port(), free_port()
        self.failed(f"not ready within 1s: connection refused on 127.0.0.1:{port}; it listens on 127.0.0.1:{other}",
                    command=f"{CHILD} listen {other} serve", port=port, ready_timeout="1s")

    def test_stranger_on_the_port(self):
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            held.listen()
            port = held.getsockname()[1]
            s = self.failed(rf"port {port} is held by pid {os.getpid()} \(.*\)", command=f"{CHILD} say ran run", port=port)
            self.assertNotIn("ran", s.log("a"))

    def test_goes_into_the_background(self):
        self.failed(r"exited with code 0 after \S+: it left processes behind; an app has to stay in the foreground",
                    "stopped", "failed", command=f"sh -c '{CHILD} run &'")

    def test_pre_start_fails(self):
        self.failed(r"pre_start exited with code 1 after \S+", command=f"{CHILD} run",
                    pre_start="sh -c 'echo no database; exit 1'")

    def test_app_of_another_name(self):
        s = self.stack(f"[app:backend]\ncommand = {CHILD} run\n[app:frontend]\ncommand = {CHILD} run\n").run()
        for name, hint in (("backned", "did you mean backend?"), ("shop-backend", "did you mean backend?"),
                           ("api", "it has backend, frontend")):
            said = s.call("restart", name, check=4).err.strip().replace(s.folder + "/", "")
            self.assertEqual(said, f"upkeep: no app {name} in upkeep.ini ({hint})")
            SAID.add(said)

    def test_stop_takes_too_long(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} on TERM ignore notify READY=1 run\nready = notify\n"
                       "kill_timeout = 300ms\n").run()
        s.wait_state("a", "ready")
        s.call("stop", check=0)
        line = "killed: not stopped within 300ms"
        self.assertIn(f"a: stopping: {line}\n", s.call("why", "a").out)
        self.assertIn(f"{line}\n", s.output())
        SAID.add(line)

    def test_health_endpoint_crashes_at_the_start(self):
        port = free_port()
        self.failed(f"not ready within 1s: http://127.0.0.1:{port}/health answered 500",
                    command=f"{CHILD} listen {port} obey answer", files={"answer": "500"}, ready=f"http://127.0.0.1:{port}/health",
                    ready_timeout="1s")

    def test_health_endpoint_crashes(self):
        port = free_port()
        self.failed(f"unhealthy 2 times in a row: http://127.0.0.1:{port}/health answered 500", port=port,
                    command=f"{CHILD} listen {port} obey answer", files={"answer": "500"},
                    health=f"http://127.0.0.1:{port}/health", health_interval="50ms", health_retries=2)

    def test_app_hangs(self):
        port = free_port()
        self.failed(f"unhealthy 2 times in a row: no answer from http://127.0.0.1:{port}/health within 200ms", port=port,
                    command=f"{CHILD} listen {port} run", health=f"http://127.0.0.1:{port}/health",
                    health_interval="50ms", health_timeout="200ms", health_retries=2)

    def deploy_failed(self, line, manifest, running=False, files=None):
        s = self.stack(manifest, files=files)
        for name in files or {}:
            os.chmod(os.path.join(s.folder, name), 0o755)
        if running:
            s.run()
        last = s.call("deploy", check=1).err.splitlines()[-1]
        self.assertRegex(last, f"^{line}$")
        SAID.add(normal(last))
        return s

    def test_websockets_are_answered_with_404(self):
        port = free_port()
        self.deploy_failed(f"upkeep: deploy failed in verify: backend: http://127.0.0.1:{port}/ws = 426: "
                           f"http://127.0.0.1:{port}/ws answered 404 instead of 426; started: backend",
                           f"[app:backend]\ncommand = {CHILD} listen {port} obey answer\nport = {port}\n"
                           f"health_retries = 1\nverify = http://127.0.0.1:{port}/ws = 426\n", files={"answer": "404"})

    def test_a_page_that_is_not_there(self):
        port = free_port()
        self.deploy_failed(f"upkeep: deploy failed in verify: backend: http://127.0.0.1:{port}/page answered 404; "
                           "started: backend",
                           f"[app:backend]\ncommand = {CHILD} listen {port} obey answer\nport = {port}\n"
                           f"health_retries = 1\nverify = http://127.0.0.1:{port}/page\n", files={"answer": "404"})

    def test_verify_finds_no_redis(self):
        port = free_port()
        self.deploy_failed(f"upkeep: deploy failed in verify: backend: tcp:127.0.0.1:{port}: connection refused on "
                           f"127.0.0.1:{port}; started: backend",
                           f"[app:backend]\ncommand = {CHILD} run\nhealth_retries = 1\nverify = tcp:127.0.0.1:{port}\n")

    def test_build_fails(self):
        self.deploy_failed(r"upkeep: deploy failed in prepare: frontend: step 2 of 2, npm run build, exited with code 1 "
                           r"after \S+; nothing was touched, the stack runs as before",
                           f"[app:frontend]\ncommand = {CHILD} run\nshell = true\nenv = PATH=.:/usr/bin:/bin\n"
                           "prepare =\n  npm ci\n  npm run build\n", True, {"npm": "#!/bin/sh\n[ $1 = ci ]\n"})

    def test_z_the_page(self):
        if len(SAID) < 30:
            self.skipTest("skipped: the other tests have not run")
        with open(PAGE, encoding="utf-8") as f:
            blocks = re.findall(r"^```text\n(.*?)^```$", f.read(), re.S | re.M)
        said = {re.sub(r"within \w+", "within T", line) for line in SAID}
        for line in "".join(blocks).splitlines():
            self.assertIn(re.sub(r"within \w+", "within T", normal(line)), said)


if __name__ == "__main__":
    main()
