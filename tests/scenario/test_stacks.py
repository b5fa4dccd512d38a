"""Real stacks, healthy and broken as incident reports tell: each cause is named in one line before anything is harmed, and
a healthy stack is told nothing."""

import glob
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, LIMIT, Scenario, free_port, main, until

PYTHON = "/usr/bin/python3"  # Debian's, that of its packages
PROGRAMS = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def needs(*modules, programs=()):
    """Skips where a stack is not installed."""
    lacking = [p for p in programs if not shutil.which(p, path=PROGRAMS)]
    try:
        done = subprocess.run([PYTHON, "-c", "\n".join(f"import {m}" for m in modules)], capture_output=True, text=True)
        lacking += [done.stderr.strip().rpartition("\n")[2]] if done.returncode != 0 else []
    except OSError as error:
        lacking.append(str(error))
    return unittest.skipIf(lacking, f"skipped: not installed: {', '.join(lacking)}")


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def open_websocket(port, path):
    """The status of the answer to the handshake: 101 where there are WebSockets."""
    with socket.create_connection(("127.0.0.1", port), LIMIT) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        return int(s.recv(64).split()[1])


class Waiting(Scenario):
    def test_names_what_is_waited_for_now(self):
        port = free_port()
        s = self.stack(f"""[app:a]
command = {CHILD} run
[app:b]
command = {CHILD} run
port = {port}
ready_timeout = 5m
[app:c]
command = {CHILD} run
depends_on = a, b
""").run()
        s.wait_state("a", "ready")
        until("c waits for b", lambda: s.app("c")["why"] == "waiting for b")
        self.assertEqual(s.state("c"), "waiting")


class Deploy(Scenario):
    # Opens connections until the supervisor closes the first of them: it closes the idlest, and that was the deploy's.
    CROWD = """import select, socket, sys
crowd = []
while not crowd or not select.select(crowd[:1], [], [], 0)[0]:
    crowd.append(socket.socket(socket.AF_UNIX))
    crowd[-1].connect(sys.argv[1])
"""

    def test_build_takes_longer_than_a_connection_may_be_idle(self):
        s = self.stack(f"""[app:a]
command = {CHILD} run
prepare = {sys.executable} crowd.py .upkeep/control.sock
""", files={"crowd.py": self.CROWD}).run()
        s.wait_state("a", "ready")
        pid = s.pid("a")
        s.call("deploy", check=0)
        self.assertNotIn(s.pid("a"), (pid, None))


class Real(Scenario):
    def real(self, manifest, files):
        s = self.stack(manifest, files=files, environment={"PATH": PROGRAMS})
        for name in glob.glob(os.path.join(s.folder, ".env*")):
            os.chmod(name, 0o600)
        return s

    def healthy(self, s):
        """Nothing is told of it, stopped and running; it starts, and it ends without violence."""
        for _ in range(2):
            result = s.call("check", "--json", "--strict", check=0)
            self.assertEqual(json.loads(result.out)["findings"], [])
            s.call("start", check=0)
        return s

    def ends_well(self, s):
        s.call("stop", check=0)
        for app in s.status()["instances"]:
            self.assertIn((app["exit_code"], app["exit_signal"]), ((0, None), (None, "SIGTERM")), app)

    def refused(self, s, line, code=1, words=()):
        """Check says it in this one line, before anything was run."""
        result = s.call("check", *words)
        self.assertIn(line + "\n", result.out, result)
        self.assertEqual(result.code, code, result)
        self.assertFalse(os.path.exists(os.path.join(s.folder, "logs")))


DJANGO = {
    "manage.py": """import os
import sys
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'chat.settings')
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "chat/__init__.py": "",
    "chat/settings.py": """import os
SECRET_KEY = os.environ['SECRET_KEY']
ALLOWED_HOSTS = ['*']
INSTALLED_APPS = ['channels', 'django.contrib.contenttypes', 'django.contrib.auth']
ROOT_URLCONF = 'chat.urls'
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}}
DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'
ASGI_APPLICATION = 'chat.asgi.application'
CHANNEL_LAYERS = {'default': {'BACKEND': 'channels_redis.core.RedisChannelLayer',
                              'CONFIG': {'hosts': [os.environ['REDIS_URL']]}}}
""",
    "chat/urls.py": """import time
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.http import HttpResponse
from django.urls import path
def health(request):
    return HttpResponse('ok')
def send(request):
    async_to_sync(get_channel_layer().group_send)('all', {'type': 'chat'})
    return HttpResponse('sent')
def slow(request):
    time.sleep(1)
    return HttpResponse('waited')
urlpatterns = [path('health', health), path('send', send), path('slow', slow)]
""",
    "chat/wsgi.py": """import os
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'chat.settings')
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
""",
    "chat/asgi.py": """import os
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'chat.settings')
from django.core.asgi import get_asgi_application
http = get_asgi_application()
from channels.generic.websocket import WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path
from channels.generic.http import AsyncHttpConsumer
class UpgradeRequired(AsyncHttpConsumer):
    async def handle(self, body):
        await self.send_response(426, b'this is a WebSocket')
class Echo(WebsocketConsumer):
    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data)
application = ProtocolTypeRouter({
    'http': URLRouter([path('ws', UpgradeRequired.as_asgi()), re_path('', http)]),
    'websocket': URLRouter([path('ws', Echo.as_asgi())])})
""",
    ".env.example": "SECRET_KEY=\nREDIS_URL=redis://localhost:6379/0\n",
    "nginx.conf": """daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server {
    listen 127.0.0.1:{proxy};
    location / {
      proxy_pass http://127.0.0.1:{web};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
    }
  }
}
""",
}

DJANGO_MANIFEST = f"""[upkeep]
name = chat
[defaults]
env_file = .env.production
env = PYTHONUNBUFFERED=1
[app:redis]
command = redis-server --port {{redis}} --bind 127.0.0.1 --save ''
port = {{redis}}
[app:migrate]
type = oneshot
command = {PYTHON} manage.py migrate --noinput
[app:web]
command = {PYTHON} -m daphne -b 127.0.0.1 -p ${{PORT}} chat.asgi:application
port = {{web}}
ready = http://127.0.0.1:${{PORT}}/health
require_env = SECRET_KEY, REDIS_URL
health = http://127.0.0.1:${{PORT}}/health
verify =
    http://127.0.0.1:${{PORT}}/ws = 426
    tcp:127.0.0.1:{{redis}}
depends_on = redis, migrate
[app:nginx]
command = nginx -p . -c nginx.conf
port = {{proxy}}
stop_signal = SIGQUIT
depends_on = web
"""


@needs("django", "channels", "channels_redis", "daphne", programs=("redis-server", "nginx"))
class Django(Real):
    """Django under Daphne with Redis, and nginx in front."""

    def chat(self, *changes):
        """changes: pairs of what is replaced in all files by what."""
        ports = {"redis": free_port(), "web": free_port(), "proxy": free_port()}
        files = dict(DJANGO, **{"upkeep.ini": DJANGO_MANIFEST, "tmp/x": "", ".env.production":
                                "SECRET_KEY=4f9v8aywe9f8yqw98ef\nREDIS_URL=redis://127.0.0.1:{redis}/0\n"})
        for name, text in files.items():
            for word, port in ports.items():
                text = text.replace("{" + word + "}", str(port))
            for old, new in changes:
                text = text.replace(old, new)
            files[name] = text
        s = self.real(files.pop("upkeep.ini"), files)
        s.ports = ports
        return s

    def test_healthy(self):
        s = self.healthy(self.chat())
        self.assertEqual(get(s.ports["proxy"], "/send"), (200, "sent"))
        self.assertEqual(open_websocket(s.ports["proxy"], "/ws"), 101)
        self.ends_well(s)

    def test_redis_is_not_running(self):
        s = self.chat()
        manifest = s.read("upkeep.ini").decode()
        begin, end = manifest.index("[app:redis]"), manifest.index("[app:migrate]")
        s.write("upkeep.ini", manifest[:begin] + manifest[end:].replace("redis, ", ""))
        self.refused(s, f".env.production:2: warning: migrate: REDIS_URL points to port {s.ports['redis']} of this machine, "
                     "where nobody listens [service-down]", 0)
        s.call("check", "--strict", check=1)

    def test_redis_goes_into_the_background(self):
        s = self.chat(("--bind", "--daemonize yes --bind"))
        self.refused(s, "upkeep.ini:7: error: redis: command goes into the background: redis-server --daemonize yes")
        failed = s.call("start", check=1)
        self.assertIn("it left processes behind; an app has to stay in the foreground", failed.err)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", s.ports["redis"])).close()

    def test_nginx_goes_into_the_background(self):
        self.refused(self.chat(("daemon off;", "")), "upkeep.ini:23: error: nginx: command goes into the background: nginx "
                     'without "daemon off;" in nginx.conf or in -g')

    def test_port_of_nginx_is_held(self):
        s = self.chat()
        with socket.socket() as held:
            held.bind(("127.0.0.1", s.ports["proxy"]))
            held.listen()
            result = s.call("check", check=1)
            self.assertRegex(result.out, rf"^upkeep.ini:24: error: nginx: port {s.ports['proxy']} is held by pid "
                                         rf"{os.getpid()} \(\S+ \S+, user ")

    def test_wsgi_server(self):
        s = self.chat(("-m daphne -b 127.0.0.1 -p ${PORT} chat.asgi:application",
                       "manage.py runserver --noreload 127.0.0.1:${PORT}"))
        self.refused(s, "upkeep.ini:13: warning: web: command serves WSGI, which answers WebSockets with 404, and asgi.py has "
                     "some [asgi]", 0)

    def test_deploy(self):
        s = self.chat()
        self.assertIn("3 conditions hold", s.call("deploy", check=0).out)
        before = {i["name"]: i["pid"] for i in s.status()["instances"]}
        asgi, web = s.read("upkeep.ini").decode(), s.ports["web"]
        s.write("upkeep.ini", asgi.replace(f"{PYTHON} -m daphne -b 127.0.0.1 -p ${{PORT}} chat.asgi:application",
                                           f"{PYTHON} manage.py runserver --noreload 127.0.0.1:${{PORT}}"))
        failed = s.call("deploy", check=1)
        self.assertIn("command serves WSGI, which answers WebSockets with 404, and asgi.py has some [asgi]", failed.out)
        self.assertIn(f"upkeep: deploy failed in verify: web: http://127.0.0.1:{web}/ws = 426: "
                      f"http://127.0.0.1:{web}/ws answered 404 instead of 426; ", failed.err.splitlines()[-1])
        s.write("upkeep.ini", asgi)
        s.call("deploy", check=0)
        after = {i["name"]: i["pid"] for i in s.status()["instances"]}
        self.assertEqual([name for name in before if before[name] != after[name]], ["web"])
        self.assertEqual(open_websocket(s.ports["proxy"], "/ws"), 101)

    def test_redis_dies_under_a_running_stack(self):
        s = self.healthy(self.chat(("[app:redis]", "[app:redis]\nrestart = never")))
        os.kill(s.pid("redis"), signal.SIGKILL)
        self.assertIn("killed by SIGKILL", s.wait_state("redis", "failed")["why"])
        self.assertEqual(json.loads(s.call("check", "--json", check=0).out)["errors"], 0)
        self.assertRegex(s.call("deploy", check=0).out, r"\nredis +start +ready +\S+ +it had failed\n")

    def test_migration_fails(self):
        s = self.chat(("migrate --noinput", "migrat --noinput"), ("type = oneshot", "type = oneshot\nrestart = never"))
        failed = s.call("start", check=1)
        self.assertIn("migrate: exited with code 1", failed.err)
        self.assertIn("Unknown command: 'migrat'. Did you mean migrate?", failed.out + failed.err)
        self.assertEqual((s.state("web"), s.app("web")["why"]), ("blocked", "migrate has failed"))
        self.assertNotIn("nginx", s.log("nginx"))

    def test_file_that_python_is_given_is_not_there(self):
        s = self.chat()
        os.remove(os.path.join(s.folder, "manage.py"))
        self.refused(s, f"upkeep.ini:11: error: migrate: command: {PYTHON} has no manage.py to run")


@needs("gunicorn", programs=("nginx",))
class Gunicorn(Real):
    """Workers of gunicorn behind nginx."""

    APP = """import time
def application(environ, start_response):
    if environ['PATH_INFO'] == '/slow':
        time.sleep(1)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'ok']
"""

    def shop(self, options=""):
        ports = {"web": free_port(), "proxy": free_port()}
        files = {"shop.py": self.APP, "tmp/x": "", "nginx.conf": DJANGO["nginx.conf"].replace(
            "{web}", str(ports["web"])).replace("{proxy}", str(ports["proxy"]))}
        s = self.real(f"""[app:web]
command = {PYTHON} -m gunicorn shop:application -w 2 -b 127.0.0.1:${{PORT}} {options}
port = {ports["web"]}
[app:nginx]
command = nginx -p . -c nginx.conf
port = {ports["proxy"]}
stop_signal = SIGQUIT
depends_on = web
""", files)
        s.ports = ports
        return s

    def test_healthy(self):
        s = self.healthy(self.shop())
        connection = http.client.HTTPConnection("127.0.0.1", s.ports["proxy"], timeout=LIMIT)
        connection.request("GET", "/slow")
        until("the slow request is at work", lambda: self.is_taken(s.ports["web"]))
        s.call("restart", "web", check=0)  # in the middle of a request
        self.assertEqual(connection.getresponse().read(), b"ok")
        connection.close()
        self.assertEqual(get(s.ports["proxy"], "/")[0], 200)
        self.ends_well(s)

    @staticmethod
    def is_taken(port):
        """Whether a connection to the port has been accepted: it has an inode (proc(5), net/tcp)."""
        with open("/proc/net/tcp") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        return any(row[1].endswith(f":{port:04X}") and row[3] == "01" and row[9] != "0" for row in rows)

    def test_daemon(self):
        s = self.shop("--daemon")
        self.refused(s, "upkeep.ini:2: error: web: command goes into the background: gunicorn --daemon")
        self.assertIn("it left processes behind; an app has to stay in the foreground", s.call("start", check=1).err)


NEXT = os.environ.get("UPKEEP_TEST_NEXT", "")  # examples/fastapi-nextjs/web-ui, installed and built by test_example.py


@unittest.skipUnless(os.path.exists(os.path.join(NEXT, ".next/BUILD_ID")),
                     "skipped: no Next.js was built (by scenario/example, which says why)")
class Next(Real):
    def web(self, command="npm start -- --port ${PORT}"):
        s = self.real(f"""[app:frontend]
cwd = web-ui
command = {command}
port = {free_port()}
health = tcp:127.0.0.1:${{PORT}}
env = NODE_ENV=production
""", {})
        shutil.copytree(NEXT, os.path.join(s.folder, "web-ui"), ignore=shutil.ignore_patterns("node_modules"))
        os.symlink(os.path.join(NEXT, "node_modules"), os.path.join(s.folder, "web-ui", "node_modules"))
        return s

    def test_healthy(self):
        for command in ("npm start -- --port ${PORT}", "node_modules/.bin/next start -p ${PORT}"):
            self.ends_well(self.healthy(self.web(command)))

    def test_node_modules_are_missing(self):
        s = self.web()
        os.unlink(os.path.join(s.folder, "web-ui", "node_modules"))
        self.refused(s, "upkeep.ini:3: error: frontend: command: the script start of package.json runs next, which is neither "
                     "in node_modules/.bin nor in PATH")

    def test_build_is_missing(self):
        s = self.web()
        shutil.rmtree(os.path.join(s.folder, "web-ui", ".next"))
        s.write("web-ui/next.config.mjs", "export default {};\n")
        self.refused(s, "web-ui/.next/BUILD_ID: error: frontend: there is no build that next start could serve")

    def test_development_server(self):
        self.refused(self.web("node_modules/.bin/next dev -p ${PORT}"),
                     "upkeep.ini:3: warning: frontend: command is for development: next dev [dev-command]", 0)


if __name__ == "__main__":
    main()
