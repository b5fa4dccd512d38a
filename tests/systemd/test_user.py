"""upkeep unit --user: under a user's own service manager. Here there is no logind, whose part is played by two files."""

import os
import signal

from harness import CHILD, UPKEEP, SystemdTest, alive, main, read, run, until, user

RUNTIME_DIR = """[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/install -d -m 700 -o %i -g %i /run/user/%i
"""
MANAGER = """[Service]
PAMName=
Environment=XDG_RUNTIME_DIR=/run/user/%i
"""
PLAIN = f"[app:a]\ncommand = {CHILD} notify READY=1 run\nready = notify\n"


class UserManager(SystemdTest):
    @classmethod
    def setUpClass(cls):
        cls.user = user("deploy")
        os.makedirs("/etc/systemd/system/user@.service.d", exist_ok=True)
        for path, text in (("user-runtime-dir@.service", RUNTIME_DIR), ("user@.service.d/here.conf", MANAGER)):
            with open(f"/etc/systemd/system/{path}", "w") as f:
                f.write(text)
        run("systemctl", "daemon-reload")
        run("systemctl", "start", f"user@{cls.user.pw_uid}.service")

    @classmethod
    def tearDownClass(cls):
        run("systemctl", "stop", f"user@{cls.user.pw_uid}.service")

    def as_user(self, *words, check=True, cwd="/", **environment):
        return run("setpriv", "--reuid=deploy", "--regid=deploy", "--init-groups", *words, check=check, cwd=cwd,
                   env={"PATH": os.environ["PATH"], "HOME": "/home/deploy", "LANG": "C.UTF-8",
                        "XDG_RUNTIME_DIR": f"/run/user/{self.user.pw_uid}", **environment})

    def test_installed_started_killed_and_stopped(self):
        s = self.stack(PLAIN, name="mine", owner="deploy", folder="/home/deploy/my stack")
        done = self.as_user(UPKEEP, "unit", "--user", "--install", cwd=s.folder)
        self.assertEqual(done.stdout, "installed /home/deploy/.config/systemd/user/mine.service\n"
                         "next: systemctl --user enable --now mine.service\n"
                         "and for a start at boot, not only while you are logged in: loginctl enable-linger deploy\n")
        self.assertEqual(self.as_user("systemd-analyze", "--user", "verify", "--man=no",
                             "/home/deploy/.config/systemd/user/mine.service").stderr, "")
        self.as_user("systemctl", "--user", "enable", "--now", "mine.service")
        show = lambda setting: self.as_user("systemctl", "--user", "show", "--value", "-p", setting,
                                            "mine.service").stdout.strip()
        self.assertEqual(show("ActiveState"), "active")
        self.assertIn("1/1 ready", show("StatusText"))
        self.assertIn("next: systemctl --user restart mine.service",
                      self.as_user(UPKEEP, "unit", "--user", "--install", cwd=s.folder).stdout)
        self.assertEqual(self.as_user(UPKEEP, "check", "--unit", "--user", cwd=s.folder).returncode, 0)
        main_pid = int(show("MainPID"))
        environment = read(f"/proc/{s.app('a')['pid']}/environ").split("\0")
        self.assertIn("HOME=/home/deploy", environment)
        os.kill(main_pid, signal.SIGKILL)
        until("the unit was restarted", lambda: show("NRestarts") == "1" and show("ActiveState") == "active")
        a = s.app("a")["pid"]
        self.as_user("systemctl", "--user", "stop", "mine.service")
        self.assertFalse(alive(a))
        self.assertEqual(show("Result"), "success")


if __name__ == "__main__":
    main()
