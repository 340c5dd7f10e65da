/* What the commands without a screen share. */
#ifndef BZ_CLI_PRIVATE_H
#define BZ_CLI_PRIVATE_H

#include "src/cli.h"
#include "src/worker.h"

struct bz_cli {
	const struct bz_cli_wiring *wiring;
	struct bz_settings *settings; /* NULL when a FILE needs none */
	const char *config;           /* path of the buzonrc */
	const char *account;          /* --account */
	int limit;                    /* --limit, 0 = all */
	bool json, raw, config_only;
};

/* One account at work: its worker, its rows, and the events that were not asked for. */
struct bz_session {
	const struct bz_account *account;
	struct bz_account *own; /* a FILE's, freed at the end */
	struct bz_mailbag *bag;
	struct bz_worker *worker;
	struct bz_store *store; /* READER */
	struct bz_err line_err; /* of the last LINE event that told one */
	struct bz_cert cert;    /* of the last TRUST question */
	uint32_t arrived;       /* rows told as newer */
	uint64_t bytes;         /* downloaded */
	bool progress_over;
};

/* Start; 0 or -1. take_own: the session frees account. */
int bz_session_open(struct bz_session *s, const struct bz_cli *cli,
	const struct bz_account *account, struct bz_account *own, struct bz_err *err);
void bz_session_close(struct bz_session *s);

/* Submit (taken) and wait for its answer; the caller frees it. NULL and err on failure. With a
 * terminal a missing password is asked for once, echo off, and the request made again. */
struct bz_event *bz_session_do(
	struct bz_session *s, struct bz_request *request, struct bz_err *err);
/* Wait for the next event, note what it says, free it. False after timeout_ms. */
bool bz_session_pump(struct bz_session *s, int timeout_ms);
/* REFRESH of a folder with the first rows wanted. */
int bz_session_refresh(struct bz_session *s, const char *folder, uint32_t rows, struct bz_err *err);
/* The folder with this title or wire name (NULL = Inbox); asks the server when it is not known. */
int bz_session_folder(
	struct bz_session *s, const char *title, struct bz_folder *out, struct bz_err *err);

/* "buzon: ..." and what the server said, cleaned, on stderr; returns the exit code. */
int bz_cli_fail(const struct bz_err *err);
/* The same with the certificate's SHA-256 after a TRUST error. */
int bz_session_fail(const struct bz_session *s, const struct bz_err *err);

/* Account and rest of "ACCOUNT/FOLDER:UID" by the longest name that fits; NULL when none does.
 * *rest begins behind the name. */
const struct bz_account *bz_cli_account_of(
	const struct bz_cli *cli, const char *ref, const char **rest);

int bz_cli_list(struct bz_cli *cli, const char *where);
int bz_cli_show(struct bz_cli *cli, const char *ref);
int bz_cli_fetch(struct bz_cli *cli, char **names);

#endif
