#include "src/settings.h"
#include "src/lang.h"
#include "src/paths.h"
#include "src/secret.h"
#include "src/settings_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

void bz_account_destroy(struct bz_account **account)
{
	struct bz_account *a = *account;

	if (a == NULL)
		return;
	g_free(a->id);
	g_free(a->dirname);
	g_free(a->host);
	g_free(a->user);
	g_free(a->name);
	g_free(a->address);
	bz_secret_free(a->password);
	g_free(a->password_command);
	g_free(a->tls_ca_file);
	for (int role = 0; role < BZ_ROLES; role++)
		g_free(a->folders[role]);
	g_free(a->mbox);
	if (a->rules != NULL)
		g_ptr_array_unref(a->rules);
	g_free(a);
	*account = NULL;
}

const char *bz_account_makes(const struct bz_account *account, enum bz_folder_role role)
{
	if (role != BZ_ROLE_TRASH && role != BZ_ROLE_ARCHIVE)
		return NULL;
	if (account->folders[role] != NULL)
		return account->folders[role];
	return role == BZ_ROLE_TRASH ? "Trash" : "Archive";
}

static void account_free(void *account)
{
	struct bz_account *a = account;

	bz_account_destroy(&a);
}

static void rule_free(void *data)
{
	struct bz_rule *rule = data;

	g_free(rule->name);
	g_free(rule->account);
	g_free(rule->match);
	g_free(rule->folder);
	g_free(rule);
}

struct bz_account *bz_account_for_file(const char *path)
{
	struct bz_account *a = g_new0(struct bz_account, 1);
	bool input = strcmp(path, "-") == 0;
	g_autofree char *real = input ? g_strdup("-") : g_canonicalize_filename(path, NULL);
	/* each standard input is another: two at once must not share their rows */
	g_autofree char *key = input ? g_uuid_string_random() : g_strdup(real);
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);

	a->protocol = BZ_PROTOCOL_FILE;
	a->id = g_path_get_basename(real);
	a->dirname = g_strndup(sum, 32);
	a->mbox = g_strdup(real);
	return a;
}

void bz_settings_destroy(struct bz_settings **settings)
{
	if (*settings == NULL)
		return;
	g_ptr_array_unref((*settings)->accounts);
	g_ptr_array_unref((*settings)->rules);
	g_free((*settings)->language);
	g_free((*settings)->log);
	g_free(*settings);
	*settings = NULL;
}

const struct bz_account *bz_settings_account(const struct bz_settings *settings, const char *name)
{
	const struct bz_account *near = NULL;
	int n = 0;

	for (guint i = 0; i < settings->accounts->len; i++) {
		const struct bz_account *a = g_ptr_array_index(settings->accounts, i);

		if (strcmp(a->id, name) == 0)
			return a;
		if (g_ascii_strcasecmp(a->id, name) == 0) {
			near = a;
			n++;
		}
	}
	return n == 1 ? near : NULL;
}

/* --- reading the file ------------------------------------------------------------------------- */

/* Owner and mode of the open file. *private = nobody else may read it. */
static int check_file(int fd, const char *path, bool *private, struct bz_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return bz_err_set(
			err, BZ_ERR_USAGE, BZ_CODE_CONFIG, _("%s is not a regular file."), path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return bz_err_set(err, BZ_ERR_USAGE, BZ_CODE_CONFIG,
			_("%s belongs to another user; buzon does not read it."), path);
	if ((st.st_mode & 022) != 0)
		return bz_err_set(err, BZ_ERR_USAGE, BZ_CODE_CONFIG,
			_("Others may change %s; buzon does not read it. Run: chmod 600 %s"), path,
			path);
	if (st.st_size > FILE_MAX)
		return bz_err_set(err, BZ_ERR_USAGE, BZ_CODE_CONFIG, _("%s is too long."), path);
	*private = (st.st_mode & 077) == 0;
	return 0;
}

/* Up to FILE_MAX and a little more; false and errno. */
static bool read_all(int fd, GString *text)
{
	char piece[4096];
	ssize_t n;

	do {
		n = read(fd, piece, sizeof piece);
		if (n > 0)
			g_string_append_len(text, piece, n);
	} while ((n > 0 && text->len <= FILE_MAX) || (n < 0 && errno == EINTR));
	explicit_bzero(piece, sizeof piece);
	return n >= 0;
}

static char *read_file(const char *path, bool *private, struct bz_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	GString *text;

	if (fd < 0) {
		bz_err_set(err, BZ_ERR_USAGE, errno == ENOENT ? BZ_CODE_NOT_FOUND : BZ_CODE_CONFIG,
			_("Cannot read %s: %s."), path, g_strerror(errno));
		return NULL;
	}
	if (check_file(fd, path, private, err) != 0) {
		close(fd);
		return NULL;
	}
	text = g_string_new(NULL);
	if (!read_all(fd, text)) {
		bz_err_set(err, BZ_ERR_LOCAL, BZ_CODE_IO, _("Cannot read %s: %s."), path,
			g_strerror(errno));
		close(fd);
		explicit_bzero(text->str, text->len);
		g_string_free(text, TRUE);
		return NULL;
	}
	close(fd);
	for (gsize i = 0; i < text->len;
		i++) /* the text ends at its end: a NUL is told as a control */
		if (text->str[i] == '\0')
			text->str[i] = '\x01';
	return g_string_free(text, FALSE);
}

static int by_line(const void *a, const void *b)
{
	const struct bz_problem *x = *(struct bz_problem *const *)a;
	const struct bz_problem *y = *(struct bz_problem *const *)b;

	return x->line != y->line ? x->line - y->line : x->column - y->column;
}

void bz_problem_add_at(struct bz_reading *r, int line, int column, const char *text)
{
	struct bz_problem *p = g_new(struct bz_problem, 1);

	*p = (struct bz_problem){line, column, g_strdup(text)};
	g_ptr_array_add(r->problems, p);
}

void bz_problem_add(struct bz_reading *r, int line, const char *fmt, ...)
{
	g_autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	bz_problem_add_at(r, line, 0, text);
}

static void problem_free(void *data)
{
	struct bz_problem *p = data;

	g_free(p->text);
	g_free(p);
}

static GPtrArray *problem_lines(const struct bz_reading *r, const char *path)
{
	GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *name = g_path_get_basename(path);

	g_ptr_array_sort(r->problems, by_line);
	for (guint i = 0; i < r->problems->len; i++) {
		const struct bz_problem *p = g_ptr_array_index(r->problems, i);

		g_ptr_array_add(out,
			p->column > 0
				? g_strdup_printf("%s:%d:%d: %s", name, p->line, p->column, p->text)
				: g_strdup_printf("%s:%d: %s", name, p->line, p->text));
	}
	return out;
}

struct bz_settings *bz_settings_load(const char *path, GPtrArray **problems, struct bz_err *err)
{
	struct bz_reading r = {.problems = g_ptr_array_new_with_free_func(problem_free)};
	char *text = read_file(path, &r.private, err);

	r.settings = g_new0(struct bz_settings, 1);
	r.settings->threads = true;
	r.settings->accounts = g_ptr_array_new_with_free_func(account_free);
	r.settings->rules = g_ptr_array_new_with_free_func(rule_free);
	r.path = path;
	if (text != NULL) {
		bz_settings_read(&r, text);
		explicit_bzero(text, strlen(text));
		g_free(text);
		if (r.problems->len > 0)
			bz_err_set(err, BZ_ERR_USAGE, BZ_CODE_CONFIG,
				_("%s has mistakes; nothing was started."), path);
	}
	*problems = problem_lines(&r, path);
	if (text == NULL || r.problems->len > 0)
		bz_settings_destroy(&r.settings);
	g_ptr_array_unref(r.problems);
	return r.settings;
}
