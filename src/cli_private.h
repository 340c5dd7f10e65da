/* What the commands without a screen share. */
#ifndef BZ_CLI_PRIVATE_H
#define BZ_CLI_PRIVATE_H

#include "src/cli.h"
#include "src/worker.h"

#include <signal.h>
#include <stdio.h>

struct bz_cli {
	const struct bz_cli_wiring *wiring;
	struct bz_settings *settings; /* NULL when a FILE needs none */
	const char *config;           /* path of the buzonrc */
	const char *account;          /* --account */
	const char *match;            /* --match, NULL = all */
	int limit;                    /* --limit, 0 = all */
	int timeout;                  /* --timeout, seconds, 0 = none */
	bool json, raw, config_only, quiet, dry_run, server, store, repair;
};

/* --- cli_options.c ---------------------------------------------------------------------------- */

struct bz_cli_options { /* as GOption fills them; strings owned */
	char *config, *account, *log, *color, *lang, *match;
	gboolean ascii, json, raw, quiet, dry_run, config_only, server, store, repair, version;
	int limit, timeout; /* INT_MIN = not given */
	char **rest;        /* words that are no options, NULL = none */
};
/* -1: go on; else all is said and this is the exit code. */
int bz_cli_options_parse(int *argc, char ***argv, struct bz_cli_options *options);
void bz_cli_options_clear(struct bz_cli_options *options);

/* Words on stderr, cleaned: they may come from a file's name. */
void bz_cli_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- cli_stop.c: signals and time ------------------------------------------------------------- */

struct bz_stop {
	int fd;           /* readable once a signal came */
	int64_t deadline; /* monotonic us; 0 = none */
};
/* From now on SIGINT, SIGTERM and SIGHUP do not end the program but this. */
void bz_stop_begin(struct bz_stop *stop, int seconds);
bool bz_stop_is_due(const struct bz_stop *stop);
/* The signal that came, 0 = none. */
int bz_stop_signal(void);
/* Wait until fd can be read (true), timeout_ms is over, or it is time to stop. stop may be NULL. */
bool bz_stop_wait(const struct bz_stop *stop, int fd, int timeout_ms);

/* What the terminal was told has to be taken back before a signal ends or stops the program:
 * between begin and end SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGTSTP wait. One at a time, main
 * thread. */
enum { BZ_HOLD_SIGNALS = 5 };
struct bz_hold {
	struct sigaction old[BZ_HOLD_SIGNALS];
};
void bz_hold_begin(struct bz_hold *hold);
/* Wait until fd can be read. False: a signal came, or stop's time (NULL = none) is over. */
bool bz_hold_wait(const struct bz_stop *stop, int fd);
/* What came acts now, as it would have; it is returned when that leaves the program running, 0 =
 * none came. */
int bz_hold_end(struct bz_hold *hold);

/* --- cli_progress.c: a line on stderr, where that is a terminal ------------------------------- */

struct bz_progress {
	const char *name;
	bool shown;
	int64_t begun, told; /* monotonic us */
	int cells;           /* of the line that stands there */
};
void bz_progress_begin(struct bz_progress *progress, const char *name, bool shown);
/* PROGRESS event; drawn at most 10 times a second. */
void bz_progress_update(struct bz_progress *progress, const struct bz_event *event);
/* Before anything else is printed, and at the end. */
void bz_progress_erase(struct bz_progress *progress);
/* What would be drawn in less than that many cells. Caller frees. */
char *bz_progress_line(const struct bz_progress *progress, const struct bz_event *event, int cells);

/* --- cli_password.c --------------------------------------------------------------------------- */

/* Ask on the terminal, without echo, whatever ends it. The caller frees it with bz_secret_free;
 * NULL when there is no terminal, nothing was typed, a signal came or stop's time is over. */
char *bz_cli_ask_password(const struct bz_account *account, const struct bz_stop *stop);

/* --- cli_session.c ---------------------------------------------------------------------------- */

/* One account at work: its worker, its rows, and the events that were not asked for. */
struct bz_session {
	const struct bz_account *account;
	struct bz_account *own; /* a FILE's, freed at the end */
	struct bz_mailbag *bag;
	struct bz_worker *worker;
	struct bz_store *store; /* READER */
	struct bz_err line_err; /* of the last LINE event that told one */
	struct bz_cert cert;    /* of the last TRUST question */
	uint32_t inbox;         /* its folder; 0 = not known yet */
	uint32_t arrived;       /* rows told as newer there */
	uint32_t moved_on;      /* of them: gone elsewhere before they were read here */
	uint64_t stored;        /* bytes of the others */
	uint32_t left;          /* new rows of what was not downloaded, for its size */
	uint64_t bytes;         /* downloaded */
	bool progress_over;
	/* the caller's, NULL = none */
	const struct bz_stop *stop;
	struct bz_progress *progress;
	char *noted;  /* the last note; owned */
	FILE *notes;  /* where notes go as they are; else "buzon: ..." on stderr */
	bool stopped; /* stop said so: the worker is gone, what it had done is counted */
};

/* Start; 0 or -1. take_own: the session frees account. */
int bz_session_open(struct bz_session *s, const struct bz_cli *cli,
	const struct bz_account *account, struct bz_account *own, struct bz_err *err);
void bz_session_close(struct bz_session *s);

/* Submit (taken) and wait for its answer; the caller frees it. NULL and err on failure. With a
 * terminal a missing password is asked for once, echo off, and the request made again. */
struct bz_event *bz_session_do(
	struct bz_session *s, struct bz_request *request, struct bz_err *err);
/* Wait for the next event, note what it says, free it. False after timeout_ms, or stopped. */
bool bz_session_pump(struct bz_session *s, int timeout_ms);
/* REFRESH of a folder with the first rows wanted. */
int bz_session_refresh(struct bz_session *s, const char *folder, uint32_t rows, struct bz_err *err);
/* The folder with this title or wire name (NULL = Inbox); asks the server when it is not known. */
int bz_session_folder(
	struct bz_session *s, const char *title, struct bz_folder *out, struct bz_err *err);

/* The folder's rows: all of it, or with --match those that the words mean. The caller frees. */
struct bz_listing *bz_session_listing(
	struct bz_session *s, const char *folder, const char *match, struct bz_err *err);

/* The account of that name, of POP; NULL: said, and the exit code is EX_USAGE. */
const struct bz_account *bz_cli_pop_account(const struct bz_cli *cli, const char *name);
/* The error's words were said as a note. */
bool bz_session_told(const struct bz_session *s, const struct bz_err *err);
/* "buzon: ..." and what the server said, cleaned, on stderr; returns the exit code. */
int bz_cli_fail(const struct bz_err *err);
/* The same with the certificate's SHA-256 after a TRUST error. */
int bz_session_fail(const struct bz_session *s, const struct bz_err *err);

/* Account and rest of "ACCOUNT/FOLDER:UID" by the longest name that fits; NULL when none does.
 * *rest begins behind the name. */
const struct bz_account *bz_cli_account_of(
	const struct bz_cli *cli, const char *ref, const char **rest);

/* Cells of a line on stdout. */
int bz_cli_output_width(void);

int bz_cli_list(struct bz_cli *cli, const char *where);
/* --server */
int bz_cli_copies(struct bz_cli *cli, const char *name);
int bz_cli_show(struct bz_cli *cli, const char *ref);
int bz_cli_fetch(struct bz_cli *cli, char **names);
int bz_cli_import(struct bz_cli *cli, char **words);
int bz_cli_check_store(struct bz_cli *cli, char **names, bool repair);

#endif
