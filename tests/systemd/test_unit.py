"""upkeep unit and upkeep check --unit: what they make is taken by systemd, and they say what will differ."""

import os
import shutil

from harness import CHILD, UPKEEP, Stack, SystemdTest, main, read, run, until, user

PLAIN = f"[app:a]\ncommand = {CHILD} run\n"


def analyze(path):
    """What systemd-analyze has against a unit."""
    done = run("systemd-analyze", "verify", "--man=no", path, check=False)
    return done.returncode, done.stdout + done.stderr


class Unit(SystemdTest):
    def test_printed_unit_is_verified_and_runs(self):
        for number, folder in enumerate(("/srv/my shop", "/srv/100% Bücher", "/srv/it's $HOME \\ \"x\"")):
            with self.subTest(folder=folder):
                s = self.stack(PLAIN, name=f"odd{number}", folder=folder).install()
                self.assertEqual(analyze(f"/etc/systemd/system/{s.unit}"), (0, ""))
                s.start()
                self.assertEqual(s.app("a")["state"], "ready")
                arguments = read(f"/proc/{s.main_pid()}/cmdline").split("\0")
                self.assertEqual(arguments[1:4], ["-f", f"{folder}/upkeep.ini", "run"])

    def test_settings_arrive(self):
        s = self.stack("""
[app:a]
command = true
ready_timeout = 20s
kill_timeout = 5s
[app:b]
command = true
depends_on = a
ready_timeout = 40s
kill_timeout = 3s
""").install()
        self.assertIn("\nWatchdogSec=30s\n", s.systemctl("cat").stdout)
        for setting, value in {"Type": "notify", "NotifyAccess": "main", "KillMode": "mixed", "Delegate": "yes",
                               "OOMPolicy": "continue", "TimeoutStartUSec": "1min 15s",
                               "TimeoutStopUSec": "23s", "LogRateLimitIntervalUSec": "0", "Restart": "on-failure",
                               "FileDescriptorStoreMax": "64", "ProtectSystem": "full"}.items():
            self.assertEqual(s.show(setting), value, setting)

    def test_runs_as_the_manifests_owner(self):
        s = self.stack(PLAIN, owner="deploy").install().start()
        uid = user("deploy").pw_uid
        self.assertEqual(s.show("User"), "deploy")
        for pid in s.processes():
            self.assertEqual(os.stat(f"/proc/{pid}").st_uid, uid)
        environment = read(f"/proc/{s.app('a')['pid']}/environ")
        self.assertIn("HOME=/home/deploy", environment)
        for name in ("NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_"):
            self.assertNotIn(name, environment)

    def test_an_app_with_a_user_of_its_own(self):
        s = self.stack(f"[app:a]\nuser = deploy\nready = notify\nnice = 5\noom_score_adj = 300\nlimit_nofile = 2048\n"
                       f"no_new_privileges = true\nlisten = 127.0.0.1:86\n"
                       f"command = {CHILD} say here notify READY=1 listen-fd 3 serve\n"
                       f"[app:b]\nuser = root\nstdout = journal\ncommand = {CHILD} say there run\n")
        os.chmod(s.folder, 0o755)
        s.install().start()
        self.assertEqual(s.show("User"), "root")
        pid = s.app("a")["pid"]
        self.assertEqual(os.stat(f"/proc/{pid}").st_uid, user("deploy").pw_uid)
        self.assertIn("HOME=/home/deploy", read(f"/proc/{pid}/environ"))
        self.assertIn("\nNoNewPrivs:\t1\n", read(f"/proc/{pid}/status"))
        self.assertEqual(read(f"/proc/{pid}/oom_score_adj"), "300\n")
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, pid), 5)
        self.assertRegex(read(f"/proc/{pid}/limits"), r"Max open files +2048 +2048 ")
        s.upkeep("check", "--unit")
        s.systemctl("stop")
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_port_below_1024_as_a_user(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} listen 87 serve\nport = 87\n", owner="deploy").install().start()
        self.assertEqual(s.app("a")["state"], "ready")
        s.upkeep("check", "--unit")  # its own apps hold their ports, also where they may do more than who asks
        run("setpriv", "--reuid=deploy", "--regid=deploy", "--init-groups", UPKEEP, "check", cwd=s.folder,
            env=s.environment)

    def test_runtime_and_log_folders_are_made(self):
        s = self.stack(f"[upkeep]\nname = folders\nruntime_dir = /run/upkeep/folders\nlog_dir = /var/log/folders\n"
                       f"[app:a]\ncommand = {CHILD} say here notify READY=1 run\nready = notify\n",
                       name="folders", owner="deploy").install().start()
        self.assertEqual(os.stat("/run/upkeep/folders").st_mode & 0o777, 0o700)
        until("its line is in the log", lambda: read("/var/log/folders/a.log") == "here\n")
        self.assertEqual(s.app("a")["state"], "ready")

    def test_installed_again_is_the_same(self):
        s = self.stack(PLAIN).install()
        before = os.stat(f"/etc/systemd/system/{s.unit}").st_mode
        done = s.upkeep("unit", "--install")
        self.assertIn(f"installed /etc/systemd/system/{s.unit}\nnext: systemctl enable --now {s.unit}\n", done.stdout)
        self.assertEqual(before & 0o777, 0o644)
        self.assertEqual(s.upkeep("unit").stdout, read(f"/etc/systemd/system/{s.unit}"))
        s.start()
        self.assertIn(f"next: systemctl restart {s.unit}\n", s.upkeep("unit", "--install").stdout)

    def test_says_to_end_a_supervisor_that_runs(self):
        s = self.stack(PLAIN)
        s.upkeep("start")
        self.assertIn("shutdown && systemctl enable --now", s.upkeep("unit", "--install").stdout)
        s.upkeep("shutdown")

    def test_strangers_units_are_left_alone(self):
        s = self.stack(PLAIN, name="dbus")
        done = s.upkeep("unit", "--install", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("dbus.service would hide", done.stderr)
        s = self.stack(PLAIN, name="mine")
        with open("/etc/systemd/system/mine.service", "w") as f:
            f.write("[Service]\nExecStart=/bin/true\n")
        done = s.upkeep("unit", "--install", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("mine.service is there and was not made from this manifest", done.stderr)
        self.assertIn("ExecStart=/bin/true", read("/etc/systemd/system/mine.service"))

    def test_without_root(self):
        s = self.stack(PLAIN, owner="deploy")
        done = run("setpriv", "--reuid=deploy", "--regid=deploy", "--init-groups", UPKEEP, "unit", "--install",
                   cwd=s.folder, env=s.environment, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Permission denied (with sudo it goes, and the apps still run as deploy)", done.stderr)

    def test_enabled_it_comes_up_in_order_at_boot(self):
        s = self.stack(PLAIN).install()
        s.systemctl("enable")
        self.assertIn(s.unit, run("systemctl", "list-dependencies", "--plain", "multi-user.target").stdout)
        self.assertIn("network-online.target", s.show("After"))
        run("systemctl", "start", "multi-user.target")
        self.assertEqual(s.show("ActiveState"), "active")  # the target waits: it is ordered after what it wants
        s.systemctl("disable")


class Differences(SystemdTest):
    """What will not be as in the shell."""

    def said(self, stack, **environment):
        stack.environment.update(environment)
        return stack.upkeep("unit").stderr

    def test_nothing_is_said_of_a_plain_stack(self):
        self.assertEqual(self.said(self.stack(PLAIN, owner="deploy")), "")
        self.assertEqual(self.said(self.stack(PLAIN)),
                         "upkeep.ini: note: the apps will run as root; as the user who owns this file, when that is another\n")

    def test_whose_it_is(self):
        uid = str(user("deploy").pw_uid)
        ours, roots = self.stack(PLAIN, owner="deploy"), self.stack(PLAIN)
        for stack, sudo, expected in ((ours, None, "deploy"), (ours, "0", "deploy"), (ours, "54321", "deploy"),
                                      (roots, None, "root"), (roots, uid, "deploy"), (roots, "0", "root"),
                                      (roots, "no number", "root")):
            stack.environment = {"PATH": stack.environment["PATH"], **({"SUDO_UID": sudo} if sudo else {})}
            self.assertIn(f"\nUser={expected}\n", stack.upkeep("unit").stdout, (expected, sudo))
        roots.environment["SUDO_UID"] = "54321"
        self.assertIn("has no name on this machine", roots.upkeep("unit", check=False).stderr)

    def test_interpreter_of_nvm(self):
        folder = "/root/.nvm/versions/node/v20.1.0/bin"
        os.makedirs(folder, exist_ok=True)
        shutil.copy("/bin/true", f"{folder}/nodely")
        with open(f"{folder}/npmly", "w") as f:
            f.write("#!/usr/bin/env nodely\n")
        os.chmod(f"{folder}/npmly", 0o755)
        path = f"{folder}:{os.environ['PATH']}"
        s = self.stack(f"[app:a]\ncommand = nodely server.js\n[app:b]\ncommand = {folder}/nodely\n"
                       f"[app:c]\nshell = true\ncommand = exec nodely\n[app:d]\ncommand = {folder}/npmly start\n")
        said = self.said(s, PATH=path)
        self.assertIn(f"upkeep.ini:4: warning: a: command: nodely is {folder}/nodely here and is not found under "
                      "systemd, whose PATH no shell has set: name it by its path, or set PATH in env", said)
        self.assertIn(f"upkeep.ini:6: warning: b: command: {folder}/nodely belongs to a version manager (.nvm)", said)
        self.assertIn("upkeep.ini:9: warning: c: command: nodely is", said)
        self.assertIn(f"d: command: nodely, which runs {folder}/npmly, is {folder}/nodely here and is not found", said)
        # What the warning advises helps.
        s.write("upkeep.ini", f"[upkeep]\nname = {s.name}\n[app:a]\nenv = PATH={path}\ncommand = nodely\n")
        self.assertNotIn("is not found", self.said(s, PATH=path))

    def test_variables_of_the_shell(self):
        s = self.stack("[app:a]\ncommand = true\nenv =\n  URL=http://${API_HOST:-localhost}/\n  KEY=${API_KEY:?is missing}\n"
                       "[app:b]\ncommand = true\nenv = URL=${API_HOST:-x}\n")
        said = self.said(s, API_KEY="secret", API_HOST="example.net")
        self.assertIn("this shell sets API_KEY, API_HOST; systemd does not", said.replace("API_HOST, API_KEY",
                                                                                       "API_KEY, API_HOST"))
        self.assertIn("is missing (under systemd, where this shell's variables are not there)", said)
        self.assertIn("b: URL comes out otherwise under systemd", said)
        self.assertNotIn("secret", said)

    def test_what_the_user_may_not_reach(self):
        os.makedirs("/root/closed", exist_ok=True)
        os.chmod("/root", 0o700)
        s = Stack("closed", PLAIN, owner="deploy", folder="/root/closed/stack")
        self.addCleanup(s.close)
        said = self.said(s)
        self.assertIn("user deploy may not read ", said)
        self.assertIn("user deploy may not enter /root/closed/stack", said)


class Drift(SystemdTest):
    def test_drift(self):
        s = self.stack(PLAIN + "kill_timeout = 5s\n")
        missing = s.upkeep("check", "--unit", check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("upkeep unit --install makes it", missing.stdout)
        s.install()
        self.assertEqual(s.upkeep("check", "--unit").returncode, 0)
        s.drop_in("TimeoutStopSec=10min\nNice=5")
        self.assertEqual(s.upkeep("check", "--unit").returncode, 0)
        s.write("upkeep.ini", read(f"{s.folder}/upkeep.ini").replace("= 5s", "= 20m"))
        drifted = s.upkeep("check", "--unit", check=False)
        self.assertEqual(drifted.returncode, 1)
        self.assertIn("/0.conf:2: error: TimeoutStopSec is 10min, the manifest makes it 1215s: systemd would kill apps",
                      drifted.stdout)
        s.drop_in("TimeoutStopSec=infinity\nType=simple")
        self.assertIn("1.conf:3: error: Type is simple", s.upkeep("check", "--unit", check=False).stdout)
        self.assertEqual(s.upkeep("check").returncode, 0)

    def test_unit_by_hand_and_of_another_name(self):
        s = self.stack(PLAIN + "kill_timeout = 5m\n")
        path = f"/etc/systemd/system/{s.name}-staging.service"
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        with open(path, "w") as unit:
            unit.write(f"[Service]\nType=forking\nWorkingDirectory={s.folder}\nExecStart={UPKEEP} start\nUser=nobody\n")
        found = s.upkeep("check")
        self.assertEqual(found.returncode, 0)
        for line in (":2: warning: Type is forking, the manifest makes it notify: systemctl start would not wait",
                     ":4: warning: ExecStart does not call upkeep run: only that stays in the foreground",
                     ": warning: TimeoutStopSec is not set, the manifest makes it 315s: systemd would kill apps",
                     f": note: runs this manifest under another name than upkeep unit would ({s.name}.service)"):
            self.assertIn(path + line, found.stdout)
        self.assertIn(f"    → name = {s.name}-staging in [upkeep]; or systemctl disable --now {s.name}-staging.service, and "
                      "then upkeep unit --install\n", found.stdout)
        wanted = s.upkeep("check", "--unit", check=False)
        self.assertEqual(wanted.returncode, 1)
        self.assertIn(f"{s.name}.service: error: cannot read the unit: No such file or directory", wanted.stdout)
        self.assertIn(path + ": note: runs this manifest under another name", wanted.stdout)
        self.assertNotIn("User is", found.stdout)
        self.assertEqual(s.upkeep("check", "--strict", check=False).returncode, 1)
        with open(path, "w") as unit:
            unit.write("[Service]\nType=forking\nExecStart=/usr/bin/pm2 resurrect\n")
        self.assertNotIn(path, s.upkeep("check").stdout)


if __name__ == "__main__":
    main()
