"""Apps that write to the journal by themselves: `stdout = journal`."""

import json

from harness import CHILD, SystemdTest, main, run, until


class Journal(SystemdTest):
    def entries(self, identifier):
        run("journalctl", "--sync")
        lines = run("journalctl", "-t", identifier, "-o", "json").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def test_each_app_writes_under_its_own_name(self):
        s = self.stack(f"""
[app:journal-a]
command = {CHILD} say out err broken say <3>grave env JOURNAL_STREAM run
stdout = journal
stderr = journal
[app:journal-b]
command = {CHILD} say one err two run
stdout = journal
[app:file]
command = {CHILD} env JOURNAL_STREAM run
[app:inherit]
command = {CHILD} env JOURNAL_STREAM run
stdout = inherit
""", name="journal").install().start()
        until("all has been written", lambda: len(self.entries("journal-a")) == 4)
        found = [(e["MESSAGE"], e["PRIORITY"], e["_SYSTEMD_UNIT"]) for e in self.entries("journal-a")]
        self.assertIn(("out", "6", s.unit), found)
        self.assertIn(("broken", "4", s.unit), found)
        self.assertIn(("grave", "3", s.unit), found)
        self.assertEqual([e["MESSAGE"] for e in self.entries("journal-b")], ["one", "two"])
        named = next(message for message, _, _ in found if message.startswith("JOURNAL_STREAM="))
        self.assertRegex(named, "^JOURNAL_STREAM=[0-9]+:[0-9]+$")
        until("the file has it", lambda: s.log("file"))
        self.assertEqual(s.log("file"), "JOURNAL_STREAM=(unset)\n")
        until("the unit's own stream has it", lambda: "JOURNAL_STREAM=" in s.journal_text())
        self.assertIn("journalctl -t journal-b", s.upkeep("logs", "-n", "5", "journal-b").stderr)


if __name__ == "__main__":
    main()
