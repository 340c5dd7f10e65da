#include "ui/history.h"
#include "src/paths.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 512 << 10, LINE_MAX_BYTES = 1001 };

static char *path_of(const char *suffix)
{
	g_autofree char *name = g_strconcat("history", suffix, NULL);

	return bz_path(BZ_DIR_STATE, name, NULL);
}

/* NULL when there is none. What this program wrote is never longer. */
static char *read_file(void)
{
	g_autofree char *path = path_of("");
	g_autofree char *text = g_malloc0(FILE_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read(fd, text, FILE_MAX);
	(void)close(fd);
	return n > 0 ? g_steal_pointer(&text) : NULL;
}

static void add_line(GPtrArray *lines, const char *line)
{
	if (line[0] == '\0' || line[1] == '\0' || strlen(line) > LINE_MAX_BYTES ||
		!g_utf8_validate(line, -1, NULL))
		return;
	for (guint i = 0; i < lines->len; i++)
		if (strcmp(g_ptr_array_index(lines, i), line) == 0) {
			g_ptr_array_remove_index(lines, i); /* it is the newest now */
			break;
		}
	g_ptr_array_add(lines, g_strdup(line));
	if (lines->len > UI_HISTORY_MAX)
		g_ptr_array_remove_index(lines, 0);
}

static GPtrArray *read_lines(void)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *text = read_file();
	g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", "\n", 0);

	for (char **p = parts; *p != NULL; p++)
		add_line(lines, *p);
	return lines;
}

void ui_history_load(struct ui_history *h)
{
	h->lines = read_lines();
	h->added = g_ptr_array_new_with_free_func(g_free);
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static void write_lines(const GPtrArray *lines)
{
	g_autofree char *path = path_of(""), *draft = path_of(".new");
	g_autofree char *dir = g_path_get_dirname(path);
	g_autoptr(GString) text = g_string_new(NULL);
	int fd;

	for (guint i = 0; i < lines->len; i++)
		g_string_append_printf(text, "%s\n", (char *)g_ptr_array_index(lines, i));
	if (bz_path_ensure(dir, NULL) != 0)
		return;
	fd = bz_open_private(draft, O_WRONLY | O_CREAT | O_TRUNC, NULL);
	if (fd < 0)
		return;
	if (write_all(fd, text->str, text->len) != 0 || rename(draft, path) != 0)
		(void)unlink(draft);
	(void)close(fd);
}

void ui_history_save(struct ui_history *h)
{
	GPtrArray *lines;

	if (h->added == NULL || h->added->len == 0)
		return;
	lines = read_lines();
	for (guint i = 0; i < h->added->len; i++)
		add_line(lines, g_ptr_array_index(h->added, i));
	write_lines(lines);
	g_ptr_array_unref(lines);
}

void ui_history_clear(struct ui_history *h)
{
	if (h->lines != NULL)
		g_ptr_array_unref(h->lines);
	if (h->added != NULL)
		g_ptr_array_unref(h->added);
	*h = (struct ui_history){0};
}

void ui_history_add(struct ui_history *h, char mark, const char *text)
{
	g_autofree char *line = g_strdup_printf("%c%s", mark, text);

	add_line(h->lines, line);
	add_line(h->added, line);
}

const char *ui_history_step(const struct ui_history *h, char mark, gboolean later, guint *place)
{
	guint at = *place;

	while (later ? at + 1 < h->lines->len : at > 0) {
		const char *line;

		at = later ? at + 1 : at - 1;
		line = g_ptr_array_index(h->lines, at);
		if (line[0] == mark) {
			*place = at;
			return line + 1;
		}
	}
	if (later)
		*place = h->lines->len;
	return NULL;
}
