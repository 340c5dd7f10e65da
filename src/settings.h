/* buzonrc: read by our own pass over its lines and GKeyFile, checked whole, all errors at once. */
#ifndef BZ_SETTINGS_H
#define BZ_SETTINGS_H

#include "src/err.h"
#include "src/model.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum bz_protocol { BZ_PROTOCOL_IMAP, BZ_PROTOCOL_POP, BZ_PROTOCOL_FILE };
/* How long a POP server's copies stay once they are stored here. */
enum bz_leave {
	BZ_LEAVE_FOREVER,
	BZ_LEAVE_DAYS,
	BZ_LEAVE_UNTIL_DELETED, /* until deleted here for ever */
	BZ_LEAVE_NONE
};
/* How far down a server's folder is listed unasked. */
enum bz_keep { BZ_KEEP_ALL, BZ_KEEP_DAYS, BZ_KEEP_SEEN };
/* Whose texts are kept on this computer. */
enum bz_keep_bodies { BZ_KEEP_BODIES_SEEN, BZ_KEEP_BODIES_DAYS, BZ_KEEP_BODIES_ALL };
enum bz_security { BZ_SECURITY_TLS, BZ_SECURITY_STARTTLS, BZ_SECURITY_NONE };

/* One [account "NAME"] section, immutable after loading. Strings owned; NULL = not given. */
struct bz_account {
	char *id;      /* NAME as written */
	char *dirname; /* NAME made safe as a folder name, unique among accounts */
	enum bz_protocol protocol;
	char *host; /* no brackets */
	uint16_t port;
	enum bz_security security;
	char *user; /* default: the address */
	char *name; /* of the person */
	char *address;
	char *password;         /* in locked memory (secret.h); NULL = command or ask */
	char *password_command; /* raw value, split by g_shell_parse_argv */
	char *tls_ca_file;      /* absolute path */
	char *mbox;           /* POP: absolute path of the Inbox mbox (defaulted); FILE: the file */
	unsigned check_every; /* seconds between looks for new mail by itself; 0 = off */
	/* IMAP */
	char *folders[BZ_ROLES]; /* titles of those that are used as such; NULL = as the server says
				  */
	uint64_t body_cache;     /* bytes of messages that are kept; 0 = none */
	enum bz_keep keep;
	unsigned keep_days; /* BZ_KEEP_DAYS: > 0 */
	enum bz_keep_bodies keep_bodies;
	unsigned keep_bodies_days; /* BZ_KEEP_BODIES_DAYS: > 0 */
	/* POP */
	enum bz_leave leave; /* leave-on-server */
	unsigned leave_days; /* BZ_LEAVE_DAYS: > 0 */
	bool leave_given;    /* it stands in buzonrc: a program without a screen may remove */
	bool newest_first;   /* fetch-order = newest */
	uint64_t max_size;   /* bytes; larger messages stay on the server; 0 = no limit */
	GPtrArray *rules; /* struct bz_rule *, those for it, in file order; borrowed; NULL = none */
};

/* One [rule "NAME"] section: what is done with new POP mail that limit words mean. */
struct bz_rule {
	char *name;
	char *account; /* id; NULL = every POP account */
	char *match;   /* limit words, checked */
	char *folder;  /* title of where it goes; NULL = stays */
	bool flag, read;
};

enum bz_glyphs { BZ_GLYPHS_AUTO, BZ_GLYPHS_UNICODE, BZ_GLYPHS_ASCII };
enum bz_theme { BZ_THEME_AUTO, BZ_THEME_MONO };

struct bz_settings {
	GPtrArray *accounts; /* of struct bz_account *, in file order */
	GPtrArray *rules;    /* of struct bz_rule *, in file order */
	char *language;      /* "en", "es" or NULL */
	enum bz_theme theme;
	enum bz_glyphs glyphs;
	bool threads; /* lists are in threads where nothing else was said of a folder */
	char *log;    /* path or NULL */
};

/* Read and check PATH. NULL on any error; then *problems (never NULL) holds one line per fault,
 * "buzonrc:7: unknown key \"prot\" in account \"casa\"; did you mean \"protocol\"?", in line order;
 * where the place in the line is known it stands behind the line's number, "buzonrc:7:12: ...".
 * A missing file gives err code NOT_FOUND. Resolves defaults with paths.h. */
struct bz_settings *bz_settings_load(const char *path, GPtrArray **problems, struct bz_err *err);
void bz_settings_destroy(struct bz_settings **settings);

/* The title of the Archive or Trash that is made where an account has none; NULL for other roles.
 */
const char *bz_account_makes(const struct bz_account *account, enum bz_folder_role role);

/* Account by NAME (case ignored when unambiguous), or NULL. Borrowed. */
const struct bz_account *bz_settings_account(const struct bz_settings *settings, const char *name);

/* A made-up account of protocol FILE for `buzon FILE`; owned by the caller. */
struct bz_account *bz_account_for_file(const char *path);
void bz_account_destroy(struct bz_account **account);

#endif
