#include "tests/tui/server.h"

#include <json-glib/json-glib.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EX_MISSING = 69 };

/* Runs dovecot.py; its exit code, its output in *out. */
static int run(const char *const *args, char **out)
{
	g_autofree char *script =
		g_build_filename(g_getenv("SRCDIR"), "tests", "lib", "dovecot.py", NULL);
	GPtrArray *argv = g_ptr_array_new();
	int status = -1;

	g_ptr_array_add(
		argv, (gpointer)(g_getenv("PYTHON3") != NULL ? g_getenv("PYTHON3") : "python3"));
	g_ptr_array_add(argv, (gpointer) "-B");
	g_ptr_array_add(argv, script);
	for (; *args != NULL; args++)
		g_ptr_array_add(argv, (gpointer)*args);
	g_ptr_array_add(argv, NULL);
	if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, out,
		    NULL, &status, NULL))
		status = -1;
	g_ptr_array_unref(argv);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Message N arrived in minute N of one day; every tenth is unread. */
static void write_folder(const char *tree, const struct server_folder *f)
{
	g_autofree char *path = g_strdup_printf("%s/%s.mbox", tree, f->name);
	g_autofree char *dir = g_path_get_dirname(path);
	g_autofree char *body = g_strnfill((gsize)f->body, 'x');
	GString *text = g_string_new(NULL);

	for (int i = 0; i < f->body; i += 72)
		body[i] = '\n';
	for (int i = 1; i <= f->messages; i++)
		g_string_append_printf(text,
			"From eva@example.org Mon Nov  2 %02d:%02d:00 2020\n"
			"Status: %s\nFrom: Eva %d <eva%d@example.org>\nTo: Ana <ana@example.org>\n"
			"Date: Mon, 2 Nov 2020 %02d:%02d:00 +0000\nSubject: letter %d\n"
			"Message-ID: <%s-%d@example.org>\n\nBody of letter %d.\n%s\n\n",
			i / 60 % 24, i % 60, i % 10 == 0 ? "O" : "RO", i, i, i / 60 % 24, i % 60, i,
			f->name[0] == 'I' ? "inbox" : "other", i, i, body);
	assert_int_equal(g_mkdir_with_parents(dir, 0755), 0);
	assert_true(g_file_set_contents(path, text->str, (gssize)text->len, NULL));
	g_string_free(text, TRUE);
}

static void read_info(struct server *s, const char *json)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonObject *info, *ports;

	assert_true(json_parser_load_from_data(parser, json, -1, NULL));
	info = json_node_get_object(json_parser_get_root(parser));
	ports = json_object_get_object_member(info, "ports");
	s->home = g_strdup(json_object_get_string_member(info, "home"));
	s->ca_file = g_strdup(json_object_get_string_member(info, "ca_file"));
	s->imap = (int)json_object_get_int_member(ports, "imap");
	s->imaps = (int)json_object_get_int_member(ports, "imaps");
	s->pop3 = (int)json_object_get_int_member(ports, "pop3");
	s->pop3s = (int)json_object_get_int_member(ports, "pop3s");
}

struct server *server_start(const struct server_folder *folders, const char *cert)
{
	return server_start_with(folders, cert, "");
}

struct server *server_start_with(
	const struct server_folder *folders, const char *cert, const char *config)
{
	struct server *s = g_new0(struct server, 1);
	g_autofree char *parent = g_strdup_printf("%d", (int)getpid());
	g_autofree char *tree = NULL, *ana = NULL, *eva = NULL, *out = NULL;
	int code;

	s->dir = check_temp_dir();
	tree = g_build_filename(s->dir, "mail", NULL);
	ana = g_strconcat("ana=", tree, NULL);
	eva = g_strconcat("eva=", tree, NULL);
	assert_int_equal(g_mkdir_with_parents(tree, 0755), 0);
	for (; folders->name != NULL; folders++)
		write_folder(tree, folders);
	code = run((const char *const[]){"start", s->dir, "--user", "ana:secret", "--user",
			   "eva:secret", "--mail", ana, "--mail", eva, "--cert", cert, "--parent",
			   parent, "--config", config, NULL},
		&out);
	if (code != EX_MISSING)
		assert_int_equal(code, 0);
	if (code == 0) {
		read_info(s, out);
		return s;
	}
	check_remove_dir(s->dir);
	g_free(s->dir);
	g_free(s);
	return NULL;
}

void server_tell(struct server *s, const char *command)
{
	assert_int_equal(run((const char *const[]){command, s->dir, NULL}, NULL), 0);
}

void server_stop(struct server *s)
{
	server_tell(s, "stop");
	check_remove_dir(s->dir);
	g_free(s->dir);
	g_free(s->home);
	g_free(s->ca_file);
	g_free(s);
}

bool server_is_missing(void)
{
	const struct server_folder none[] = {{0}};
	struct server *s = server_start(none, "good");

	if (s != NULL)
		server_stop(s);
	return s == NULL;
}

/* --- a server that stops itself --------------------------------------------------------------- */

static void start_fake(struct stopper *s, const char *a, const char *b, const char *c)
{
	g_autofree char *script =
		g_build_filename(g_getenv("SRCDIR"), "tests", "lib", "fake.py", NULL);
	const char *argv[] = {g_getenv("PYTHON3"), "-B", script, a, b, c, NULL};
	char line[16] = "";
	int out;

	assert_true(g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
		G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &s->pid, &s->in, &out,
		NULL, NULL));
	for (size_t i = 0; i + 1 < sizeof line && strchr(line, '\n') == NULL; i++)
		assert_int_equal(read(out, line + i, 1), 1);
	close(out);
	s->port = atoi(line);
}

void stopper_start(struct stopper *s, const char *protocol, int messages, int after)
{
	g_autofree char *n = g_strdup_printf("%d", messages), *k = g_strdup_printf("%d", after);

	start_fake(s, protocol, n, k);
}

void idler_start(struct stopper *s, const char *manner)
{
	start_fake(s, "idle", manner, NULL);
}

void searcher_start(struct stopper *s, int messages)
{
	g_autofree char *n = g_strdup_printf("%d", messages);

	start_fake(s, "search", n, NULL);
}

void stopper_resume(const struct stopper *s)
{
	assert_int_equal(kill(s->pid, SIGCONT), 0);
}

void stopper_end(struct stopper *s)
{
	if (s->pid == 0)
		return;
	close(s->in);
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	*s = (struct stopper){0};
}
