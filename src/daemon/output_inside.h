/* What the files of the output room share: output.c makes an instance's streams as its config says, output_stream.c
 * reads them. For nobody else. */
#ifndef UPKEEP_DAEMON_OUTPUT_INSIDE_H
#define UPKEEP_DAEMON_OUTPUT_INSIDE_H

#include "daemon/output.h"
#include "daemon/output_buffer.h"
#include "daemon/output_file.h"
#include "daemon/output_index.h"
#include "daemon/output_tail.h"
#include "daemon/output_view.h"

/* One pipe. */
struct stream {
    struct loop_io io;
    struct output *output;
    struct output_file *file;
    int read_fd; /* -1: there is no pipe */
    int write_fd;
    bool is_stderr;
    bool is_resting;  /* in hub->resting */
    bool is_owed_end; /* drained while its file was blocked: to be done when it no longer is */
    bool is_grown;
    int pipe_bytes;
    int first_pipe_bytes; /* before it was grown */
    char *carry;          /* the beginning of a line; NULL: none */
    size_t carry_len;
    struct mono read_at; /* the last time that something was there */
    struct stream *next_resting;
};

struct output {
    struct output_hub *hub;
    char *name;
    unsigned number; /* for its colour */
    struct stream streams[2];
    struct log_target targets[2]; /* as prepared; paths are absolute and owned */
    int journal_fds[2];           /* of a target that is the journal; else -1 */
    enum log_format format;
    uint64_t writer; /* see output_file_write(); a new one for each process */
    output_line *line;
    void *line_context;
    struct output_tail tail;
    struct output *next;
};

struct output_hub {
    struct loop *loop;
    char *log_dir;
    struct output_files files;
    struct output_index index;
    struct output_buffer in;
    struct output_buffer entries;
    struct stream *resting;
    struct loop_timer rest;
    unsigned grown_pipes;
    uint64_t writers;
    int null_fd; /* -1: not open */
    struct output *outputs;
    unsigned output_count;
    struct output_view view;
};

/* ---- output_stream.c ---- */

/* A stream without a pipe. */
void stream_init(struct stream *stream, struct output *output, bool is_stderr);

/* Makes a pipe to the file of path, not watched yet. stream is written on success only. 0, or -errno with the sentence
 * in error. */
int stream_open(struct stream *stream, struct output *output, bool is_stderr, const char *path, struct text *error);

/* Reads it empty and closes the pipe; what can be written nowhere is said to be lost. */
void stream_close(struct stream *stream);

/* Reads from the loop whatever comes; where there is no pipe, or its file is blocked, nothing happens yet. */
void stream_watch(struct stream *stream);

/* See output_drain(). */
void stream_drain(struct stream *stream);

/* For output_files: those who wrote to the file go on. */
void stream_unblocked(struct output_files *files, const struct output_file *file);

#endif
