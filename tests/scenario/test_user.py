"""Apps that run as somebody else, and within limits of their own: seen from the app itself."""

import contextlib
import os
import pwd
import resource
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import AS_NOBODY, CHILD, NOBODY, Scenario, alive, free_port, main, until

SELF = ("""sh -c 'grep -E "^(Uid|Gid|Groups|NoNewPrivs|Cap[IPEA]..):" /proc/self/status; echo "umask: $(umask)"; """
        """echo "nofile: $(ulimit -Sn) $(ulimit -Hn)"; echo "core: $(ulimit -Sc) $(ulimit -Hc)"; """
        """echo "nice: $(nice)"; echo "oom: $(cat /proc/self/oom_score_adj)"; echo "cwd: $(pwd)"; """
        f"""exec {CHILD} env HOME env USER env LOGNAME env SHELL say told run'""")
STRANGE = 100000 + os.getpid()  # nobody else runs as this, other tests included


def told(s, app="a"):
    """What an app of the command SELF has seen."""
    until(f"{app} has told of itself", lambda: "told" in s.log(app))
    lines = [line for line in s.log(app).splitlines() if ":" in line or "=" in line]
    return {line.replace("=", ":", 1).partition(":")[0]: line.replace("=", ":", 1).partition(":")[2].split()
            for line in lines}


def has_capability(number):
    with open("/proc/self/status") as f:
        return int(next(line for line in f if line.startswith("CapEff:")).split()[1], 16) >> number & 1


class AsRoot(Scenario):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root can run apps as somebody else")

    def open_stack(self, manifest, **options):
        """One whose folder everybody may enter."""
        s = self.stack(manifest, **options)
        os.chmod(s.top, 0o755)
        return s


class Terms(AsRoot):
    def test_every_key(self):
        s = self.open_stack(f"[app:a]\ncommand = {SELF}\nuser = nobody\numask = 027\nnice = 7\noom_score_adj = 321\n"
                            "limit_nofile = 1234\nlimit_core = 0\nno_new_privileges = true\n").run()
        s.wait_state("a", "ready")
        seen = told(s)
        nobody = pwd.getpwuid(NOBODY)
        self.assertEqual(seen["Uid"], [str(NOBODY)] * 4)
        self.assertEqual(seen["Gid"], [str(nobody.pw_gid)] * 4)
        self.assertEqual(sorted(seen["Groups"]), sorted(map(str, os.getgrouplist("nobody", nobody.pw_gid))))
        for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(seen[which][0], 16), 0, which)
        self.assertEqual(seen["NoNewPrivs"], ["1"])
        self.assertEqual(seen["umask"], ["0027"])
        self.assertEqual(seen["nofile"], ["1234", "1234"])
        self.assertEqual(seen["core"], ["0", "0"])
        self.assertEqual(seen["nice"], ["7"])
        with contextlib.suppress(FileNotFoundError):
            with open(f"/proc/{s.pid('a')}/autogroup") as f:
                self.assertIn("nice 7", f.read() or "nice 7")  # empty where it is not in use
        self.assertEqual(seen["oom"], ["321"])
        self.assertEqual(seen["HOME"], [nobody.pw_dir])
        self.assertEqual(seen["USER"], ["nobody"])
        self.assertEqual(seen["LOGNAME"], ["nobody"])
        self.assertEqual(seen["SHELL"], [nobody.pw_shell])
        self.assertEqual(seen["cwd"], [os.path.realpath(s.folder)])

    def test_without_keys_all_is_the_supervisors(self):
        s = self.open_stack(f"[app:a]\ncommand = {SELF}\n").run()
        seen = told(s)
        self.assertEqual(seen["Uid"], ["0"] * 4)
        self.assertEqual(sorted(map(int, seen["Groups"])), sorted(os.getgroups()))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.assertEqual(seen["nofile"], [str(soft), str(hard)])
        self.assertEqual(seen["NoNewPrivs"], ["0"])
        self.assertEqual(seen["nice"], [str(os.getpriority(os.PRIO_PROCESS, 0))])

    def test_limits_without_a_user(self):
        s = self.open_stack(f"[app:a]\ncommand = {SELF}\numask = 077\nlimit_core = 1M\nlimit_nofile = 512\n"
                            "nice = 3\noom_score_adj = 100\n").run()
        seen = told(s)
        self.assertEqual((seen["umask"], seen["nofile"], seen["nice"], seen["oom"]),
                         (["0077"], ["512", "512"], ["3"], ["100"]))
        self.assertEqual(len(set(seen["core"])), 1)
        with open(f"/proc/{s.supervisor.pid}/oom_score_adj") as f:
            self.assertNotEqual(f.read().strip(), "100")
        s.call("restart", "a", check=0)

    def test_numbers(self):
        s = self.open_stack(f"[app:a]\ncommand = {SELF}\nuser = {STRANGE}\ngroup = {STRANGE + 1}\n"
                            f"[app:b]\ncommand = {SELF}\ngroup = {STRANGE}\n").run()
        seen = told(s)
        self.assertEqual((seen["Uid"], seen["Gid"], seen["Groups"]),
                         ([str(STRANGE)] * 4, [str(STRANGE + 1)] * 4, [str(STRANGE + 1)]))
        seen = told(s, "b")
        self.assertEqual((seen["Uid"], seen["Gid"]), (["0"] * 4, [str(STRANGE)] * 4))
        self.assertEqual(sorted(map(int, seen["Groups"])), sorted(os.getgroups()))

    def test_supplementary_groups(self):
        s = self.open_stack(f"[app:a]\ncommand = {SELF}\nuser = ada\ncwd = ~/work\n"
                            f"[app:b]\ncommand = {SELF}\nuser = ada\ngroup = three\n",
                            files={"group": "root:x:0:\none:x:7001:\ntwo:x:7002:ada,root\nthree:x:7003:\n",
                                   "home/work/x": ""})
        home = os.path.join(os.path.realpath(s.folder), "home")
        s.write("passwd", f"root:x:0:0::/root:/bin/sh\nada:x:{STRANGE}:7001::{home}:\n")
        own = ("unshare", "--mount", "sh", "-c",
               "mount --bind passwd /etc/passwd && mount --bind group /etc/group && exec \"$@\"", "sh")
        if subprocess.run([*own, "true"], cwd=s.folder, capture_output=True).returncode != 0:
            self.skipTest("no mounts of our own can be made here")
        s.run(prefix=own)
        seen = told(s)
        self.assertEqual((seen["Uid"], seen["Gid"]), ([str(STRANGE)] * 4, ["7001"] * 4))
        self.assertEqual(sorted(seen["Groups"]), ["7001", "7002"])
        self.assertEqual((seen["HOME"], seen["USER"], seen["SHELL"]), ([home], ["ada"], ["/bin/sh"]))
        self.assertEqual(seen["cwd"], [f"{home}/work"])
        self.assertEqual(sorted(told(s, "b")["Groups"]), ["7002", "7003"])

    def test_environment_and_home(self):
        s = self.open_stack("[app:a]\ncommand = true\ntype = oneshot\nuser = nobody\ninherit_env = false\n"
                            f"env =\n  USER=somebody\n  PATH={os.environ['PATH']}\n  TWICE=${{HOME}}${{HOME}}\n")
        result = s.call("env", "a", "--reveal", check=0)
        home = pwd.getpwnam("nobody").pw_dir
        self.assertIn(f"HOME={home}", result.out)
        self.assertIn(f"TWICE={home}{home}", result.out)
        self.assertIn("USER=somebody", result.out)
        self.assertIn("LOGNAME=nobody", result.out)

    def test_a_new_user_is_a_restart(self):
        manifest = f"[app:a]\ncommand = {SELF}\n"
        s = self.open_stack(manifest).run()
        told(s)
        pid = s.pid("a")
        s.write("upkeep.ini", manifest + "user = nobdy\n")
        result = s.call("apply", check=1)
        self.assertIn("upkeep.ini:3: there is no user nobdy on this machine\n", result.err)
        self.assertEqual(s.pid("a"), pid)
        s.write("upkeep.ini", manifest + "user = nobody\n")
        self.assertRegex(s.call("apply", check=0).out, "\na +restart +user\n")
        until("a runs as nobody", lambda: str(NOBODY) in s.log("a"))
        self.assertIn("\n  user          nobody\n", s.call("show", "a", check=0).out)


class Commands(AsRoot):
    def test_all_of_an_apps_commands(self):
        s = self.open_stack("[app:a]\nuser = nobody\n"
                            f"command = {CHILD} run\n"
                            "pre_start = sh -c 'echo before=$(id -u)'\n"
                            "stop_command = sh -c 'echo after=$(id -u) main=$MAINPID'\n"
                            f"ready = exec:sh -c 'test $(id -u) = {NOBODY}'\nready_timeout = 10s\n").run()
        pid = s.wait_state("a", "ready")["pid"]
        s.call("stop", "a", check=0)
        self.assertIn(f"before={NOBODY}\n", s.log("a"))
        self.assertIn(f"after={NOBODY} main={pid}\n", s.log("a"))

    def test_prepare(self):
        s = self.open_stack(f"[app:a]\nuser = nobody\ncwd = web\ncommand = {CHILD} run\numask = 026\n"
                            "prepare = sh -c 'echo $HOME by $(id -un) >made; echo told >/dev/stderr'\n"
                            "[app:b]\nuser = no-such-user\nprepare = true\ncommand = true\n",
                            files={"web/x": ""})
        os.chown(os.path.join(s.folder, "web"), NOBODY, NOBODY)
        s.call("prepare", "a", check=0)
        self.assertEqual(s.read("web/made").decode(), f"{pwd.getpwnam('nobody').pw_dir} by nobody\n")
        made = os.stat(os.path.join(s.folder, "web/made"))
        self.assertEqual((made.st_uid, made.st_mode & 0o777), (NOBODY, 0o640))
        self.assertIn("told", s.log("a"))
        self.assertIn("there is no user no-such-user on this machine", s.call("prepare", "b", check=1).err)

    def test_output_can_be_opened_anew(self):
        s = self.open_stack("[app:a]\ntype = oneshot\nuser = nobody\n"
                            "command = sh -c 'echo out >/dev/stdout; echo err >/dev/stderr'\n").run()
        s.wait_state("a", "done")
        self.assertEqual(s.log("a"), "out\nerr\n")
        self.assertEqual(os.stat(os.path.join(s.folder, "logs/a.log")).st_uid, 0)

    def test_nobody_may_take_dev_null(self):
        before = os.stat("/dev/null")
        s = self.open_stack("[app:a]\ntype = oneshot\nuser = nobody\nstdout = null\nstderr = inherit\n"
                            "command = sh -c 'echo out; echo err >&2'\n").run()
        s.wait_state("a", "done")
        after = os.stat("/dev/null")
        self.assertEqual((before.st_uid, before.st_mode), (after.st_uid, after.st_mode))

    def test_notify(self):
        s = self.open_stack("[app:a]\nuser = nobody\nready = notify\nwatchdog = 20s\n"
                            f"command = {CHILD} env NOTIFY_SOCKET notify 'READY=1\\nSTATUS=fine' run\n").run()
        self.assertEqual(s.wait_state("a", "ready")["why"], "notified READY=1")
        self.assertIn("NOTIFY_SOCKET=@upkeep/", s.log("a"))

    def test_notify_by_a_child_that_is_gone(self):
        s = self.open_stack("[app:a]\nuser = nobody\nready = notify\n"
                            f"command = {CHILD} notify-child 'READY=1' run\n").run()
        s.wait_state("a", "ready")

    def test_notify_by_path_where_it_can_be_reached(self):
        s = self.open_stack("[upkeep]\nruntime_dir = run\n[app:a]\nuser = nobody\nready = notify\n"
                            f"command = {CHILD} env NOTIFY_SOCKET notify 'READY=1' run\n")
        os.mkdir(os.path.join(s.folder, "run"), 0o711)
        s.run()
        s.wait_state("a", "ready")
        self.assertIn(f"NOTIFY_SOCKET={os.path.realpath(s.folder)}/run/notify/a", s.log("a"))

    def test_a_stranger_on_the_notify_socket(self):
        s = self.open_stack("[app:a]\nuser = nobody\nready = notify\nready_timeout = 5s\nrestart = never\n"
                            f"command = {CHILD} env NOTIFY_SOCKET run\n").run()
        until("the socket is known", lambda: "@upkeep/" in s.log("a"))
        name = s.log("a").strip().partition("=")[2]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"READY=1", "\0" + name[1:])
            self.assertIn(f"a message of pid {os.getpid()} ", s.wait_state("a", "failed")["why"])


    def test_another_user_with_the_apps_tag(self):
        """Which everybody can read of its processes, and give to their own."""
        s = self.open_stack(f"[app:a]\nuser = {STRANGE}\ngroup = {STRANGE}\nready = notify\nready_timeout = 5s\n"
                            f"restart = never\ncommand = {CHILD} env NOTIFY_SOCKET pid run\n").run()
        until("it runs", lambda: "pid=" in s.log("a"))
        name, pid = (line.partition("=")[2] for line in s.log("a").splitlines())
        forge = subprocess.run(
            [*AS_NOBODY, sys.executable, "-c",
             "import os, resource, socket, sys\n"
             f"row = next(l for l in open('/proc/{pid}/limits') if l.startswith('Max file locks'))\n"
             "resource.setrlimit(10, (int(row.split()[3]), resource.RLIM_INFINITY))\n"
             "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
             f"s.sendto(b'READY=1\\nMAINPID=%d' % os.getpid(), '\\0' + '{name[1:]}')\n"
             "print(flush=True)\nsys.stdin.read()\n"], input=b"", capture_output=True)
        self.assertEqual(forge.returncode, 0, forge.stderr)
        instance = s.wait_state("a", "failed")
        self.assertIn("which is not of this app, was ignored", instance["why"])


class Ends(AsRoot):
    def test_stop_and_tree(self):
        s = self.open_stack("[app:a]\nuser = nobody\nkill_timeout = 300ms\n"
                            f"command = {CHILD} on TERM ignore orphan on TERM ignore pid say deep run -- pid say up run\n")
        s.run()
        s.wait_state("a", "ready")
        until("both run", lambda: "deep" in s.log("a") and "up" in s.log("a"))
        pids = [int(line[4:]) for line in s.log("a").splitlines() if line.startswith("pid=")]
        self.assertEqual(len(pids), 2)
        s.call("stop", "a", check=0)
        self.assertEqual([pid for pid in pids if alive(pid)], [])

    def test_killed_supervisor_leaves_nothing(self):
        s = self.open_stack(f"[app:a]\nuser = nobody\ncommand = {CHILD} orphan pid run -- pid run\n").run()
        s.wait_state("a", "ready")
        until("both run", lambda: s.log("a").count("pid=") == 2)
        pids = [int(line[4:]) for line in s.log("a").splitlines() if line.startswith("pid=")]
        s.supervisor.kill()
        s.supervisor.wait()
        s.output_file.close()
        s.run()
        s.wait_state("a", "ready")
        self.assertEqual([pid for pid in pids if alive(pid)], [])

    def test_crash_and_memory_are_told(self):
        s = self.open_stack(f"[app:a]\nuser = nobody\nrestart = never\ncommand = {CHILD} say on-board exit 3\n").run()
        self.assertIn("exited with code 3", s.wait_state("a", "failed")["why"])

    def test_as_many_processes_as_it_may_have(self):
        s = self.open_stack(f"[app:a]\nuser = {STRANGE}\ngroup = {STRANGE}\ncommand = {CHILD} run\n"
                            f"[app:b]\nuser = {STRANGE}\ngroup = {STRANGE}\ncommand = {CHILD} run\n"
                            "depends_on = a\nrestart = never\n")
        s.run(prefix=("prlimit", "--nproc=0:0"))
        self.assertEqual(s.wait_state("b", "failed")["why"],
                         f"cannot execute {CHILD}: its user has as many processes as it may have (ulimit -u)")

    def test_a_user_who_stops_everything_of_his(self):
        """Until execve is done the new process is its user's already: who stops it must not stop the supervisor. Much
        to be copied by execve makes the time for that long."""
        large = "".join(f"A{i}={'x' * 120000}\n" for i in range(12))
        s = self.open_stack(f"[app:a]\nuser = {STRANGE}\ngroup = {STRANGE}\ncommand = {CHILD} exit 1\n"
                            "env_file = .env\nrestart_delay = 0s\nrestart_delay_max = 0s\nmax_restarts = 0\n",
                            files={".env": large}).run()
        hostile = subprocess.Popen(
            ["setpriv", f"--reuid={STRANGE}", f"--regid={STRANGE}", "--clear-groups", sys.executable, "-c",
             "import os, signal\nprint(flush=True)\nwhile True:\n"
             "  try: os.kill(-1, signal.SIGSTOP)\n  except ProcessLookupError: pass\n"], stdout=subprocess.PIPE)
        try:
            hostile.stdout.readline()
            for _ in range(200):
                s.call("status", check=0, limit=8)
        finally:
            hostile.kill()
            hostile.wait()
            hostile.stdout.close()


class Ports(AsRoot):
    def test_owner(self):
        port = free_port()
        s = self.open_stack(f"[app:a]\nuser = nobody\nport = {port}\ncommand = {CHILD} listen {port} run\n").run()
        self.assertIn(f"{port} accepts connections", s.wait_state("a", "ready")["why"])

    def test_stranger(self):
        port = free_port()
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind(("127.0.0.1", port))
            stranger.listen()
            s = self.open_stack(f"[app:a]\nuser = nobody\nport = {port}\nrestart = never\ncommand = {CHILD} run\n")
            s.run()
            self.assertIn(f"port {port} is held by pid {os.getpid()} ", s.wait_state("a", "failed")["why"])

    def test_handed_over(self):
        port = free_port()
        s = self.open_stack(f"[app:a]\nuser = nobody\nlisten = 127.0.0.1:{port}\n"
                            f"ready = http://127.0.0.1:{port}/\ncommand = {CHILD} listen-fd 3 serve\n").run()
        s.wait_state("a", "ready")


class Refused(AsRoot):
    def refused(self, keys, why, where="upkeep.ini:3"):
        s = self.open_stack(f"[app:a]\ncommand = {CHILD} run\n{keys}restart = never\n").run()
        app = s.wait_state("a", "failed")
        self.assertEqual(app["why"], why)
        return s

    def test_no_such_user(self):
        s = self.refused("user = no-such-user\n", "upkeep.ini:3: there is no user no-such-user on this machine")
        result = s.call("check", check=1)
        self.assertIn("upkeep.ini:3: error: a: there is no user no-such-user on this machine\n", result.out)

    def test_no_such_group(self):
        self.refused("user = nobody\ngroup = no-such-group\n",
                     "upkeep.ini:3: there is no group no-such-group on this machine")

    def test_unknown_number_without_a_group(self):
        self.refused(f"user = {STRANGE}\n", f"upkeep.ini:3: nothing is known of user {STRANGE} on this machine: "
                                            "name its group too (group = …)")

    def test_number_that_means_nobody(self):
        self.refused("user = 4294967295\ngroup = 0\n",
                     "upkeep.ini:3: \"4294967295\" is out of range: 0 to 4294967294")

    def test_closed_folder(self):
        s = self.open_stack(f"[app:a]\ncommand = {CHILD} run\ncwd = shut/web\nuser = nobody\nrestart = never\n",
                            files={"shut/web/x": ""})
        os.chmod(os.path.join(s.folder, "shut"), 0o700)
        closed = f"{os.path.realpath(s.folder)}/shut is closed to that user (mode 0700)"
        self.assertIn(f"upkeep.ini:3: error: a: user nobody cannot enter shut/web: {closed}\n",
                      s.call("check", check=1).out)
        s.run()
        self.assertEqual(s.wait_state("a", "failed")["why"], f"cannot enter shut/web as user nobody: {closed}")

    def test_closed_program(self):
        s = self.open_stack("[app:a]\ncommand = bin/serve\nuser = nobody\nrestart = never\n",
                            files={"bin/serve": "#!/bin/sh\nsleep 100\n"})
        path = os.path.join(s.folder, "bin/serve")
        os.chmod(path, 0o750)
        why = (f"cannot execute bin/serve as user nobody: {os.path.realpath(path)} is closed to that user "
               "(mode 0750)")
        self.assertIn(f"upkeep.ini:2: error: a: command: {why}\n", s.call("check", check=1).out)
        s.run()
        self.assertEqual(s.wait_state("a", "failed")["why"], why)

    def test_script_that_cannot_be_read(self):
        s = self.open_stack("[app:a]\ncommand = ./serve\nuser = nobody\n", files={"serve": "#!/bin/sh\nsleep 100\n"})
        path = os.path.join(s.folder, "serve")
        os.chmod(path, 0o711)
        self.assertIn(f"upkeep.ini:2: error: a: command: user nobody cannot read ./serve: "
                      f"{os.path.realpath(path)} is closed to that user (mode 0711)\n", s.call("check", check=1).out)
        os.chmod(path, 0o755)
        s.call("check", check=0)

    def test_source_that_cannot_be_read(self):
        s = self.open_stack(f"[app:a]\ncommand = {sys.executable} app.py\nuser = nobody\nshell = yes\n")
        path = os.path.realpath(s.write("app.py", "pass\n"))
        os.chmod(path, 0o640)
        self.assertIn(f"upkeep.ini:2: error: a: command: user nobody cannot read app.py: {path} is closed to that user "
                      "(mode 0640)\n", s.call("check", check=1).out)

    def test_interpreter_in_a_closed_home(self):
        s = self.open_stack("[app:a]\ncommand = ./serve\nuser = nobody\n", files={"home/bin/sh": ""})
        shell = os.path.join(os.path.realpath(s.folder), "home/bin/sh")
        os.remove(shell)
        os.symlink("/bin/sh", shell)
        os.chmod(os.path.join(s.folder, "home"), 0o700)
        os.chmod(s.write("serve", f"#!{shell}\nsleep 100\n"), 0o755)
        self.assertIn(f"upkeep.ini:2: error: a: command: ./serve: its interpreter {shell} is missing, or closed to the "
                      "app's user\n", s.call("check", check=1).out)

    def test_privileged_port(self):
        s = self.open_stack(f"[app:a]\ncommand = {CHILD} run\nuser = nobody\nport = 87\n")
        result = s.call("check")
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
            if int(f.read()) <= 87:
                self.skipTest("every port may be opened here")
        self.assertEqual(result.code, 1)
        self.assertIn("upkeep.ini:4: error: a: port 87 is below the first that every user may open, and the app will "
                      "not have the right\n    → let upkeep open it for the app (listen = 0.0.0.0:87), or use a port "
                      "from 1024 on\n", result.out)

    def test_limit_beyond_the_machine(self):
        with open("/proc/sys/fs/nr_open") as f:
            top = int(f.read())
        if top >= 1 << 30:
            self.skipTest("fs.nr_open is as high as it goes")
        s = self.refused(f"limit_nofile = {top + 1}\n",
                         "limit_nofile: nobody can have more than fs.nr_open" if has_capability(24) else
                         "limit_nofile: more than the hard limit takes root (CAP_SYS_RESOURCE)")
        self.assertIn(s.app("a")["why"], s.call("check", check=1).out)


class RootWithLess(AsRoot):
    MANIFEST = f"[app:a]\ncommand = {CHILD} run\nuser = nobody\nrestart = never\n"

    def refused(self, prefix, why):
        s = self.open_stack(self.MANIFEST)
        if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
            self.skipTest(f"cannot do {prefix[0]} here")
        self.assertIn(f"upkeep.ini:3: error: a: {why}\n", s.call("check", prefix=prefix, check=1).out)
        s.run(prefix=prefix)
        self.assertEqual(s.wait_state("a", "failed")["why"], why)

    def test_without_the_right_to_end_it(self):
        self.refused(("setpriv", "--bounding-set=-kill"),
                     "upkeep may not run it as user nobody: this root is without CAP_KILL")

    def test_without_the_right_to_change(self):
        self.refused(("setpriv", "--bounding-set=-setuid"),
                     "upkeep may not run it as user nobody: this root is without CAP_SETUID")

    def test_in_a_user_namespace(self):
        self.refused(("unshare", "--user", "--map-root-user"),
                     "cannot run it as user nobody, who has no place in this user namespace (rootless container)")

    def test_as_in_a_container(self):
        """What Docker leaves to root: neither to look into others' processes, nor to see their limits."""
        prefix = ("setpriv", "--bounding-set=-all,+chown,+dac_override,+fsetid,+fowner,+mknod,+net_raw,+setgid,+setuid,"
                  "+setfcap,+setpcap,+net_bind_service,+sys_chroot,+kill,+audit_write")
        port = free_port()
        s = self.open_stack(f"[app:a]\ncommand = {CHILD} orphan run -- listen {port} run\nuser = nobody\n"
                            f"port = {port}\n[app:b]\ncommand = {CHILD} notify READY=1 run\nuser = nobody\n"
                            "ready = notify\n")
        s.run(prefix=prefix)
        s.wait_state("a", "ready")
        s.wait_state("b", "ready")
        s.call("check", prefix=prefix, check=0)
        s.call("stop", check=0)
        self.assertEqual([s.state("a"), s.state("b")], ["stopped", "stopped"])


class Trust(AsRoot):
    def test_a_user_who_can_write_the_manifest(self):
        s = self.open_stack(f"[app:a]\ncommand = {CHILD} run\nuser = nobody\n")
        self.assertEqual(s.call("check", "--strict", check=0).err, "")
        os.mkdir(os.path.join(s.folder, "logs"))
        os.chown(os.path.join(s.folder, "logs"), NOBODY, NOBODY)
        self.assertIn("upkeep.ini:3: warning: a: user nobody can write log_dir, and so decide what upkeep does as root "
                      "[user-writes]\n", s.call("check", check=0).out)
        os.chown(s.folder, NOBODY, NOBODY)
        self.assertIn(": user nobody can write the manifest's folder, log_dir, runtime_dir, and so ",
                      s.call("check", check=0).out)
        s.write("upkeep.ini", f"[app:a]\ncommand = {CHILD} run\nuser = nobody\nlint_ignore = user-writes\n")
        s.call("check", "--strict", check=0)


class Unit(AsRoot):
    def test_runs_as_root_where_an_app_has_another_user(self):
        s = self.open_stack("[app:a]\ncommand = true\nuser = root\n[app:b]\ncommand = true\n")
        os.chown(os.path.join(s.folder, "upkeep.ini"), NOBODY, NOBODY)
        result = s.call("unit", check=0)
        self.assertIn("\nUser=root\n", result.out)
        self.assertIn("upkeep.ini:3: note: upkeep itself runs as root, as a has a user or group of its own\n", result.err)
        self.assertIn("upkeep.ini:4: warning: b has no user, and will run as root\n", result.err)

    def test_runs_as_the_owner_where_all_are_his(self):
        name = pwd.getpwuid(NOBODY).pw_name
        s = self.open_stack(f"[app:a]\ncommand = true\nuser = {name}\n[app:b]\ncommand = true\nuser = {NOBODY}\n"
                            "[app:c]\ncommand = true\n")
        os.chown(os.path.join(s.folder, "upkeep.ini"), NOBODY, NOBODY)
        self.assertIn(f"\nUser={name}\n", s.call("unit", check=0).out)

    def test_a_unit_of_ones_own_cannot(self):
        s = self.open_stack("[app:a]\ncommand = true\nuser = nobody\n")
        os.chown(os.path.join(s.folder, "upkeep.ini"), NOBODY, NOBODY)
        s.environment["HOME"] = s.top
        self.assertIn("which takes a unit of the system's", s.call(
            "unit", "--user", prefix=("setpriv", "--reuid=1", "--regid=1", "--clear-groups"), check=1).err)


class AsPlainUser(Scenario):
    def plain(self, manifest):
        """A stack of a plain user's, and what it is started by."""
        s = self.stack(manifest)
        if os.geteuid() != 0:
            return s, ()
        os.chown(s.top, NOBODY, NOBODY)
        return s, AS_NOBODY

    def user(self):
        return pwd.getpwuid(NOBODY if os.geteuid() == 0 else os.geteuid()).pw_name

    def test_another_user_is_refused(self):
        s, prefix = self.plain(f"[app:a]\ncommand = {CHILD} run\nuser = root\nrestart = never\n"
                               f"[app:b]\ncommand = {CHILD} run\n")
        why = f"only root may run it as user root, and upkeep runs as {self.user()}"
        self.assertIn(f"upkeep.ini:3: error: a: {why}\n", s.call("check", prefix=prefix, check=1).out)
        s.run(prefix=prefix)
        self.assertEqual(s.wait_state("a", "failed")["why"], why)
        self.assertEqual(s.wait_state("b", "ready")["state"], "ready")

    def test_own_user_is_fine(self):
        s, prefix = self.plain(f"[app:a]\ncommand = {SELF}\nuser = {self.user()}\n")
        s.call("check", prefix=prefix, check=0)
        s.run(prefix=prefix)
        s.wait_state("a", "ready")
        self.assertEqual(told(s)["USER"], [self.user()])

    def test_what_takes_no_right(self):
        s, prefix = self.plain(f"[app:a]\ncommand = {SELF}\nnice = 19\noom_score_adj = 1000\nlimit_core = 0\n"
                               "limit_nofile = 64\numask = 0\nno_new_privileges = yes\n")
        s.call("check", prefix=prefix, check=0)
        s.run(prefix=prefix)
        seen = told(s)
        self.assertEqual((seen["nice"], seen["oom"], seen["core"], seen["nofile"], seen["umask"], seen["NoNewPrivs"]),
                         (["19"], ["1000"], ["0", "0"], ["64", "64"], ["0000"], ["1"]))

    def limited(self, keys, why):
        s, prefix = self.plain(f"[app:a]\ncommand = {CHILD} run\nrestart = never\n{keys}\n")
        prefix = ("prlimit", "--nofile=512:512", "--core=0:0", "--nice=0:0", *prefix)
        self.assertIn(f"upkeep.ini:4: error: a: {why}\n", s.call("check", prefix=prefix, check=1).out)
        s.run(prefix=prefix)
        self.assertEqual(s.wait_state("a", "failed")["why"], why)

    def test_nofile_above_the_hard_limit(self):
        self.limited("limit_nofile = 4096", "limit_nofile: more than the hard limit takes root (CAP_SYS_RESOURCE)")

    def test_core_above_the_hard_limit(self):
        self.limited("limit_core = unlimited", "limit_core: more than the hard limit takes root (CAP_SYS_RESOURCE)")

    def test_nice_below_ours(self):
        now = os.getpriority(os.PRIO_PROCESS, 0)
        self.limited(f"nice = {now - 1}", "nice: less than upkeep itself has takes root (CAP_SYS_NICE)")

    def test_oom_score_adj_below_ours(self):
        self.limited("oom_score_adj = -500",
                     "oom_score_adj: less than upkeep itself was given takes root (CAP_SYS_RESOURCE)")


if __name__ == "__main__":
    main()
