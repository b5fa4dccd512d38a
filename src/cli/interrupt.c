#include "cli/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/code.h"

static const char *interrupt_sentence;
static const char *interrupt_answer_text;
static volatile sig_atomic_t interrupt_due;
static sigset_t interrupt_outside;

static void interrupt_end(int signal) {
    (void)signal;
    if (interrupt_answer_text)
        (void)!write(STDOUT_FILENO, interrupt_answer_text, strlen(interrupt_answer_text));
    (void)!write(STDERR_FILENO, interrupt_sentence, strlen(interrupt_sentence));
    _exit(CODE_FAILED);
}

static void interrupt_note(int signal) {
    if (signal != SIGWINCH)
        interrupt_due = 1;
}

void interrupt_answer(const char *answer) {
    interrupt_answer_text = answer;
}

void interrupt_say(const char *sentence) {
    interrupt_sentence = sentence;
    struct sigaction action = {.sa_handler = interrupt_end};
    (void)sigemptyset(&action.sa_mask);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        /* A shell that runs us in the background has SIGINT ignored, and nohup SIGHUP: it stays so. */
        struct sigaction before;
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &action, NULL);
    }
}

void interrupt_remember(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    struct sigaction action = {.sa_handler = interrupt_note};
    (void)sigemptyset(&action.sa_mask);
    sigset_t blocked;
    (void)sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        (void)sigaction(signals[i], &action, NULL);
        (void)sigaddset(&blocked, signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &blocked, &interrupt_outside);
}

void interrupt_poll(int fd, int timeout_ms) {
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    struct timespec limit = {.tv_sec = timeout_ms / 1000, .tv_nsec = (timeout_ms % 1000) * 1000000L};
    (void)ppoll(&watched, 1, timeout_ms < 0 ? NULL : &limit, &interrupt_outside);
}

bool interrupt_is_due(void) {
    return interrupt_due != 0;
}
