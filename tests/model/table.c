#include "model.h"

enum { ACT_COUNT = ACT_KILL_TREE + 1 };

/* What was seen to come of an event in a phase. */
struct cell {
    bool is_seen;
    bool is_nothing;  /* it may change nothing */
    bool is_redirect; /* the phase stays, its goal or reason changes */
    bool becomes[PHASE_COUNT][ACT_COUNT];
};

static struct cell cells[PHASE_COUNT][EVENT_COUNT];

void table_note(const struct transition *t) {
    if (t->move->is_lie)
        return;
    struct cell *cell = &cells[t->before->life.phase][t->move->event.kind];
    const struct lifecycle *next = &t->step.next;
    cell->is_seen = true;
    if (next->phase != t->before->life.phase || t->step.act != ACT_NONE)
        cell->becomes[next->phase][t->step.act] = true;
    else if (t->step.why.cause != CAUSE_NONE)
        cell->is_redirect = true;
    else
        cell->is_nothing = true;
}

/* A cell on its way to the page: one outcome to a line. */
struct cell_writer {
    FILE *out;
    const char *separator;
};

static void write_outcome(struct cell_writer *writer, enum phase from, enum phase to, const char *act) {
    fputs(writer->separator, writer->out);
    writer->separator = "<br>";
    if (to != from)
        fprintf(writer->out, "**%s**%s", phase_name(to), act ? " " : "");
    if (act)
        fprintf(writer->out, "`%s`", act);
}

static void write_word(struct cell_writer *writer, const char *word) {
    fprintf(writer->out, "%s%s", writer->separator, word);
    writer->separator = "<br>";
}

/* Where both acts of a pair are possible, the kill_mode chooses: one word for both. */
static const struct {
    enum act main;
    enum act tree;
    const char *word;
} pairs[] = {{ACT_SIGNAL_MAIN, ACT_SIGNAL_TREE, "signal"}, {ACT_KILL_MAIN, ACT_KILL_TREE, "kill"}};

static void fold_pairs(struct cell_writer *writer, enum phase from, struct cell *cell) {
    for (size_t pair = 0; pair < sizeof pairs / sizeof *pairs; pair++)
        for (int to = 0; to < PHASE_COUNT; to++) {
            bool *main = &cell->becomes[to][pairs[pair].main];
            bool *tree = &cell->becomes[to][pairs[pair].tree];
            if (*main && *tree) {
                write_outcome(writer, from, (enum phase)to, pairs[pair].word);
                *main = *tree = false;
            }
        }
}

static void fold_gate(struct cell_writer *writer, struct cell *cell) {
    bool *open = &cell->becomes[PHASE_SPAWNING][ACT_SPAWN];
    bool *closed = &cell->becomes[PHASE_WAITING][ACT_NONE];
    bool *broken = &cell->becomes[PHASE_BLOCKED][ACT_NONE];
    if (*open && *closed && *broken) {
        write_word(writer, "*gate*");
        *open = *closed = *broken = false;
    }
}

static void write_cell(FILE *out, enum phase from, enum lifecycle_event_kind kind) {
    struct cell cell = cells[from][kind];
    struct cell_writer writer = {out, ""};
    fold_gate(&writer, &cell);
    fold_pairs(&writer, from, &cell);
    for (int to = 0; to < PHASE_COUNT; to++)
        for (int act = 0; act < ACT_COUNT; act++)
            if (cell.becomes[to][act])
                write_outcome(&writer, from, (enum phase)to, act == ACT_NONE ? NULL : act_name((enum act)act));
    if (cell.is_redirect)
        write_word(&writer, "*noted*");
    if (cell.is_nothing)
        write_word(&writer, "·");
}

static bool is_changing(const struct cell *cell) {
    if (cell->is_redirect)
        return true;
    for (int to = 0; to < PHASE_COUNT; to++)
        for (int act = 0; act < ACT_COUNT; act++)
            if (cell->becomes[to][act])
                return true;
    return false;
}

/* Rows in which nothing can change are left out. */
static void write_matrix(FILE *out, const char *title, enum lifecycle_event_kind first,
                         enum lifecycle_event_kind last) {
    fprintf(out, "\n### %s\n\n| phase |", title);
    for (int kind = (int)first; kind <= (int)last; kind++)
        fprintf(out, " %s |", event_name((enum lifecycle_event_kind)kind));
    fputs("\n| --- |", out);
    for (int kind = (int)first; kind <= (int)last; kind++)
        fputs(" --- |", out);
    fputc('\n', out);
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        bool is_wanted = false;
        for (int kind = (int)first; kind <= (int)last; kind++)
            is_wanted |= is_changing(&cells[phase][kind]);
        if (!is_wanted)
            continue;
        fprintf(out, "| %s |", phase_name((enum phase)phase));
        for (int kind = (int)first; kind <= (int)last; kind++) {
            fputc(' ', out);
            write_cell(out, (enum phase)phase, (enum lifecycle_event_kind)kind);
            fputs(" |", out);
        }
        fputc('\n', out);
    }
}

static const char *const phase_meanings[PHASE_COUNT] = {
    [PHASE_STOPPED] = "no process, none wanted",
    [PHASE_DONE] = "a oneshot that ended well",
    [PHASE_FAILED] = "gave up, until told to start",
    [PHASE_BLOCKED] = "a dependency has failed for good",
    [PHASE_WAITING] = "for dependencies to become ready",
    [PHASE_BACKOFF] = "for restart_delay, then again",
    [PHASE_SPAWNING] = "a spawn was asked for and not answered",
    [PHASE_PREPARING] = "a pre_start command runs",
    [PHASE_STARTING] = "the main process runs, not ready yet",
    [PHASE_READY] = "ready",
    [PHASE_STOP_COMMAND] = "stop_command runs beside the main process",
    [PHASE_STOP_TAIL] = "the main process is gone, its stop_command still runs",
    [PHASE_STOPPING] = "the process has had its stop signal, or said that it ends by itself",
    [PHASE_CLEARING] = "the process is gone, others of its tree are not",
    [PHASE_KILLING] = "SIGKILL was sent",
};

static const char intro[] =
    "<!-- Written by tests/model (model_walk --write docs/lifecycle.md); do not edit. -->\n"
    "# The life of an instance\n"
    "\n"
    "One pure function holds it: `lifecycle_step(state, rules, event)` in `src/core/lifecycle.c` gives the next state, "
    "at "
    "most one\nact for the host to carry out, and the reason. The supervisor calls it for everything that happens, and "
    "sets one timer from\nthe state's deadline. This page is written by the test that walks through every state which "
    "the function can reach, so it\nshows what is, not what was meant.\n"
    "\n"
    "Three fields are kept apart. The **phase** is a fact: which processes there are. The **goal** is the wish: up or "
    "down. The\n**takedown** is the reason why the present process is being ended. So a restart is a stop whose goal "
    "is "
    "up, a start during a\nstop only changes the goal, and a process that was not ready in time goes the same way as "
    "one "
    "that somebody stopped.\n";

static const char reading[] =
    "\n## What follows from what\n"
    "\n"
    "A cell lists everything that can come of an event in a phase, depending on goal, rules, "
    "dependencies and the facts "
    "of the\nevent: the **next phase** (none: it stays), and the `act` (none: nothing to "
    "do). Empty: cannot happen. A phase "
    "without a row: nothing\nchanges.\n"
    "\n"
    "| | |\n| --- | --- |\n"
    "| · | nothing changes |\n"
    "| *gate* | a start, if the dependencies (`core/plan`) let it: **spawning** `spawn` when "
    "they are ready, **waiting** "
    "when they are not yet, **blocked** when one has failed (the next command after a pre_start does not ask again) |\n"
    "| *noted* | goal or reason of the takedown change; it shows when the processes are gone "
    "(in spawning: when there is "
    "one) |\n"
    "| `signal`, `kill` | to the main process or to the whole tree, by kill_mode |\n"
    "\n"
    "The end of a process that was to go down leads to **stopped**; of one that was to be "
    "restarted, to the *gate*; any "
    "other is an\nunasked end, and goes by the restart decision (`core/restart`) to "
    "**backoff**, **failed**, **stopped**, "
    "**done** or at once to the *gate*.\n";

void table_write(FILE *out) {
    fputs(intro, out);
    fputs("\n## Phases\n\n| phase | shown as | meaning |\n| --- | --- | --- |\n", out);
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        fprintf(out, "| %s | `%s` | %s |\n", phase_name((enum phase)phase), phase_word((enum phase)phase),
                phase_meanings[phase]);
    fputs(reading, out);
    write_matrix(out, "What is asked for, and what the dependencies say", EVENT_START, EVENT_GATE);
    write_matrix(out, "What the host reports of a start, and of the health of what is up", EVENT_SPAWNED,
                 EVENT_UNHEALTHY);
    write_matrix(out, "What the app says of itself", EVENT_ALIVE, EVENT_ENDING);
    write_matrix(out, "What the host reports of an end, and the clock", EVENT_EXITED, EVENT_TICK);
    fputs("\n## What always holds\n\nChecked at every transition between all reachable states:\n\n", out);
    for (const struct invariant *invariant = invariants; invariant->sentence; invariant++)
        fprintf(out, "- %s\n", invariant->sentence);
    fputs("\nProved over all of them, for every choice that a fair host has:\n\n"
          "- A stop always ends in `stopped`, within a bounded number of steps: whatever the processes do, as long as "
          "SIGKILL ends them.\n"
          "- A wanted, healthy app always comes up: from every state in which it is wanted, not given up and not "
          "failing.\n",
          out);
}
