#include "src/lang.h"

#include <glib.h>
#include <locale.h>
#include <string.h>

static const char *current = "en";

/* The first language that the environment names, in gettext's order. */
static const char *from_environment(void)
{
	static const char *const names[] = {"LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		const char *value = g_getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return strncmp(value, "es", 2) == 0 ? "es" : "en";
	}
	return "en";
}

/* gettext translates under any locale but C and POSIX, and curses wants UTF-8. */
static void set_locale(void)
{
	const char *messages;

	if (setlocale(LC_ALL, "") == NULL)
		setlocale(LC_ALL, "C.UTF-8");
	messages = setlocale(LC_MESSAGES, NULL);
	if (messages == NULL || strcmp(messages, "C") == 0 || strcmp(messages, "POSIX") == 0)
		setlocale(LC_MESSAGES, "C.UTF-8");
	messages = setlocale(LC_CTYPE, NULL);
	if (messages == NULL || strcmp(messages, "C") == 0 || strcmp(messages, "POSIX") == 0)
		setlocale(LC_CTYPE, "C.UTF-8");
	setlocale(LC_NUMERIC, "C");
}

void bz_lang_init(const char *lang)
{
	const char *dir = g_getenv("BUZON_LOCALEDIR");

	set_locale();
	current = lang == NULL ? from_environment() : strcmp(lang, "es") == 0 ? "es" : "en";
	g_setenv("LANGUAGE", current, TRUE);
	bindtextdomain("buzon", dir != NULL && dir[0] != '\0' ? dir : LOCALEDIR);
	bind_textdomain_codeset("buzon", "UTF-8");
	textdomain("buzon");
}

char *bz_lang_size(uint64_t bytes)
{
	char *size = g_format_size(bytes);

	if (strcmp(current, "es") == 0)
		g_strdelimit(size, ".", ',');
	return size;
}

char *bz_lang_number(uint64_t number)
{
	GString *text = g_string_new(NULL);
	char mark = strcmp(current, "es") == 0 ? '.' : ',';

	g_string_printf(text, "%" G_GUINT64_FORMAT, number);
	for (gssize at = (gssize)text->len - 3; at > 0; at -= 3)
		g_string_insert_c(text, at, mark);
	return g_string_free(text, FALSE);
}

char *bz_lang_seconds(int64_t us)
{
	char mark = strcmp(current, "es") == 0 ? ',' : '.';
	int64_t tenths = (us + 50000) / 100000;

	return g_strdup_printf("%" G_GINT64_FORMAT "%c%d s", tenths / 10, mark, (int)(tenths % 10));
}
