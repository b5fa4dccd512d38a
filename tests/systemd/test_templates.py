"""What cmake --install puts where systemd looks for it: verified, and run."""

import os

from harness import CHILD, SystemdTest, main, read, run, user

BUILD = os.environ["BUILD"]


class Templates(SystemdTest):
    @classmethod
    def setUpClass(cls):
        run("cmake", "--install", BUILD, "--prefix", "/usr/local")  # of the throw-away root
        run("systemctl", "daemon-reload")

    def test_are_verified(self):
        for words in (("systemd-analyze", "verify", "--man=no", "upkeep@srv-shop-upkeep.ini.service"),
                      ("systemd-analyze", "--user", "verify", "--man=no", "upkeep@srv-shop-upkeep.ini.service")):
            done = run(*words, env=dict(os.environ, XDG_RUNTIME_DIR="/run", HOME="/root"), check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), words)

    def test_system_template_runs_a_stack(self):
        run("systemd-sysusers", "/usr/local/lib/sysusers.d/upkeep.conf")
        run("systemd-tmpfiles", "--create", "/usr/local/lib/tmpfiles.d/upkeep.conf")
        self.assertEqual(os.stat("/run/upkeep").st_uid, user("upkeep").pw_uid)
        folder = "/srv/my 100% shop"
        escaped = run("systemd-escape", "--path", f"{folder}/upkeep.ini").stdout.strip()
        s = self.stack(f"[upkeep]\nruntime_dir = /run/upkeep/shop\n[app:a]\ncommand = {CHILD} run\n",
                       name=f"upkeep@{escaped}", owner="upkeep", folder=folder).start()
        self.assertEqual(s.app("a")["state"], "ready")
        self.assertEqual(os.stat(f"/proc/{s.app('a')['pid']}").st_uid, user("upkeep").pw_uid)
        self.assertEqual(read(f"/proc/{s.main_pid()}/cmdline").split("\0")[1:4], ["-f", f"{folder}/upkeep.ini", "run"])
        self.assertEqual(s.show("WatchdogUSec"), "30s")
        s.systemctl("stop")
        self.assertEqual(s.show("Result"), "success")

    def test_a_manifest_that_is_not_there_fails_at_once(self):
        done = run("systemctl", "start", "upkeep@srv-nowhere-upkeep.ini.service", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("Assertion failed", done.stderr)


if __name__ == "__main__":
    main()
