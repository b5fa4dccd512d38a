"""upkeep deploy where systemd runs the stack."""

import json
import os

from harness import CHILD, UPKEEP, SystemdTest, alive, main, run

BUILT = f"""
[app:db]
command = {CHILD} notify READY=1 run
ready = notify
[app:web]
prepare = cp source built
require_path = built
command = {CHILD} notify READY=1 run
ready = notify
"""


class Deploy(SystemdTest):
    def test_the_unit_is_started_and_goes_on(self):
        s = self.stack(BUILT, files={"source": "one"}).install()
        self.assertEqual(s.show("ActiveState"), "inactive")
        done = s.upkeep("deploy")
        self.assertIn(f"started by {s.unit}", done.stdout)
        self.assertEqual(s.wait_active("active"), True)
        supervisor, before = s.main_pid(), {i["name"]: i["pid"] for i in s.instances()}
        self.assertEqual(json.loads(s.upkeep("status", "--json").stdout)["supervisor"]["pid"], supervisor)
        s.upkeep("deploy")
        after = {i["name"]: i["pid"] for i in s.instances()}
        self.assertEqual((after["db"], s.main_pid(), s.show("ActiveState")), (before["db"], supervisor, "active"))
        self.assertNotEqual(after["web"], before["web"])
        self.assertEqual(s.show("NRestarts"), "0")

    def test_a_unit_that_cannot_start(self):
        s = self.stack(BUILT, files={"source": "one"}).install()
        s.drop_in("ExecStartPre=/bin/false\nRestart=no")
        done = s.upkeep("deploy", check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        last = done.stderr.splitlines()[-1]
        self.assertIn("deploy failed in apply: ", last)
        self.assertIn(s.unit, last)

    def test_an_app_that_fails(self):
        s = self.stack(BUILT, files={"source": "one"}).install()
        s.upkeep("deploy")
        before = s.app("db")["pid"]
        s.write("upkeep.ini", f"[upkeep]\nname = {s.name}\n" + BUILT.replace("built\ncommand = ", "built\ncommand = sh -c 'exit 3' "))
        done = s.upkeep("deploy", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("web: exited with code 3", done.stderr.splitlines()[-1])
        self.assertEqual((s.app("db")["pid"], s.show("ActiveState")), (before, "active"))
        self.assertTrue(alive(before))

    def test_as_another_user_than_the_units(self):
        s = self.stack(BUILT, files={"source": "one", "built": "one"}, owner="deploy").install()
        done = s.upkeep("deploy", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"{s.unit} runs this manifest as deploy: deploy as that user (sudo -u deploy)", done.stderr)
        self.assertFalse(os.path.exists(os.path.join(s.folder, ".upkeep")))
        s.start()
        os.unlink(f"/etc/systemd/system/{s.unit}")
        self.assertIn("its runtime dir belongs to deploy (uid ", s.upkeep("prepare", check=False).stderr)
        done = run("setpriv", "--reuid=deploy", "--regid=deploy", "--clear-groups", UPKEEP, "deploy", cwd=s.folder)
        self.assertIn("deployed ", done.stdout)


if __name__ == "__main__":
    main()
