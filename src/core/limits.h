/* Everything that a stranger can make us hold has a cap, and every cap stands here. */
#ifndef UPKEEP_CORE_LIMITS_H
#define UPKEEP_CORE_LIMITS_H

enum {
    LIMIT_NAME = 64,                  /* bytes of an app's or a profile's name */
    LIMIT_MANIFEST_LINE = 256 * 1024, /* bytes of one line of a manifest or a dotenv file */
    LIMIT_MANIFEST_FILE = 16 << 20,   /* bytes of a whole manifest or dotenv file */
    LIMIT_SECTIONS = 8192,            /* sections of a manifest: apps, and what profiles change of them */
    LIMIT_DIAGS = 200,                /* diagnostics kept of one reading; the rest is counted */
    LIMIT_ENV = 4096,                 /* variables of one instance */
    LIMIT_ENV_BYTES = 8 << 20,        /* bytes of them all, replaced values included; execve takes less */
    LIMIT_EXPANSION = 1 << 20,        /* bytes that one value may become by expansion */
    LIMIT_LOG_LINE = 64 * 1024,       /* bytes after which a line is cut in text and json format */
    LIMIT_TAIL = 2048,                /* bytes of an instance's last output that are remembered */
    LIMIT_HISTORY = 16,               /* changes remembered of one instance */
    LIMIT_MESSAGE = 1 << 20,          /* bytes of one control message that we accept */
    LIMIT_CALL_VALUES = 16 * 1024,    /* JSON values in one control message that we accept */
    LIMIT_NESTING = 16,               /* objects and arrays within each other in a message */
    LIMIT_REPLY = 64 << 20,           /* bytes of one reply that a client of ours accepts */
    LIMIT_CLIENTS = 128,              /* control connections in all */
    LIMIT_CLIENTS_PER_UID = 64,       /* of one user other than root */
    LIMIT_CLIENT_BACKLOG = 4 << 20,   /* bytes queued for one slow client before it is cut off */
    LIMIT_CLIENT_IDLE_MS = 10 * 1000, /* between calls, or for one message to arrive whole */
    LIMIT_NOTIFY_DATAGRAM = 4096,     /* bytes of one sd_notify message */
    LIMIT_LISTEN = 16,                /* sockets that are opened for one app */
    LIMIT_PREPARE_INPUTS = 100000,    /* files that one app is prepared from, and the lines about them */
    LIMIT_PREPARE_PATTERNS = 64,      /* of one app that name them */
    LIMIT_VERIFY = 64,                /* conditions that one app is verified by */
    LIMIT_SAID_MS = 86400 * 1000,     /* that an app may extend a timeout by, or set its watchdog to, in one message */
    LIMIT_STATUS = 512,               /* bytes kept of what an app says of itself with STATUS= */
    LIMIT_PROBE_ANSWER = 8192,        /* bytes read of an HTTP response's head */
    LIMIT_PROBE_LINE = 200,           /* bytes of the last line that a command of an exec: condition wrote */
    LIMIT_LOG_INDEX = 1 << 20,        /* bytes of the log index, and of the one before it */
    LIMIT_PIPE = 1 << 20,             /* bytes that the pipe of an app in full flow is grown to */
    LIMIT_GROWN_PIPES = 16,           /* of those at a time: a user's pipes share 64 MiB (pipe-user-pages-soft) */
    LIMIT_TERMINAL_BACKLOG = 1 << 20, /* bytes queued for a terminal that does not read */
};

#endif
