"""Real stacks, healthy and broken as incident reports tell: each cause is named in one line before anything is harmed, and
a healthy stack is told nothing."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, Scenario, free_port, main, until


class Names(Scenario):
    """A service is called otherwise than the scripts expect."""

    def test_name_of_an_app(self):
        s = self.stack("".join(f"[app:{name}]\ncommand = {CHILD} run\n" for name in ("backend", "frontend"))).run()
        for word, hint in (("backned", "(did you mean backend?)"), ("shop-backend", "(did you mean backend?)"),
                           ("front", "(did you mean frontend?)"), ("api", "(it has backend, frontend)")):
            for command in ("restart", "why", "logs", "check"):
                result = s.call(command, word, check=4)
                self.assertEqual(result.err, f"upkeep: no app {word} in {s.folder}/upkeep.ini {hint}\n")


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


if __name__ == "__main__":
    main()
