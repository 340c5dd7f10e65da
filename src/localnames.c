#include "src/localnames.h"
#include "src/lang.h"

#include <string.h>

enum { FILE_NAME_MAX = 200 }; /* of 255: a lock or a salvage file is named after it */

const struct bz_local_role bz_local_roles[] = {{"INBOX", BZ_ROLE_INBOX}, {"Drafts", BZ_ROLE_DRAFTS},
	{"Sent", BZ_ROLE_SENT}, {"Archive", BZ_ROLE_ARCHIVE}, {"Trash", BZ_ROLE_TRASH}};

enum bz_folder_role bz_local_role_of(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bz_local_roles); i++)
		if (strcmp(bz_local_roles[i].name, name) == 0)
			return bz_local_roles[i].role;
	return BZ_ROLE_NONE;
}

/* --- titles ----------------------------------------------------------------------------------- */

static bool has_control(const char *text)
{
	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p))
		if (g_unichar_iscntrl(g_utf8_get_char(p)) ||
			g_unichar_type(g_utf8_get_char(p)) == G_UNICODE_FORMAT)
			return true;
	return false;
}

static bool is_good_level(const char *level)
{
	size_t n = strlen(level);

	return n > 0 && strcmp(level, ".") != 0 && strcmp(level, "..") != 0 && level[0] != ' ' &&
	       level[n - 1] != ' ';
}

static bool has_good_levels(const char *title)
{
	g_auto(GStrv) levels = g_strsplit(title, "/", -1);

	for (char **level = levels; *level != NULL; level++)
		if (!is_good_level(*level))
			return false;
	return levels[0] != NULL;
}

char *bz_local_title(const char *title, struct bz_err *err)
{
	g_autofree char *kept = g_utf8_normalize(title, -1, G_NORMALIZE_NFC);
	g_autofree char *file = kept != NULL ? bz_local_file_name(kept) : NULL;

	if (kept == NULL || has_control(kept) || !has_good_levels(kept))
		bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
			_("A folder needs a name of letters, figures and signs; / stands between "
			  "two levels."));
	else if (strlen(file) > FILE_NAME_MAX)
		bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
			_("This name is too long for a folder."));
	else if (g_ascii_strcasecmp(kept, "inbox") == 0)
		bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE, _("There is only one Inbox."));
	else
		return g_steal_pointer(&kept);
	return NULL;
}

bool bz_local_same_title(const char *one, const char *other)
{
	g_autofree char *a = g_utf8_casefold(one, -1), *b = g_utf8_casefold(other, -1);

	return g_utf8_collate(a, b) == 0 || strcmp(a, b) == 0;
}

/* --- files ------------------------------------------------------------------------------------ */

char *bz_local_file_name(const char *name)
{
	GString *out = g_string_new(NULL);

	for (const char *p = name; *p != '\0'; p++)
		if (*p == '/' || *p == '%' || (*p == '.' && p == name))
			g_string_append_printf(out, "%%%02X", (unsigned char)*p);
		else
			g_string_append_c(out, *p);
	g_string_append(out, ".mbox");
	return g_string_free(out, FALSE);
}

static char *unescape(const char *text, size_t len)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < len; i++)
		if (text[i] == '%' && i + 2 < len && g_ascii_isxdigit(text[i + 1]) &&
			g_ascii_isxdigit(text[i + 2])) {
			g_string_append_c(out, (char)(g_ascii_xdigit_value(text[i + 1]) * 16 +
						       g_ascii_xdigit_value(text[i + 2])));
			i += 2;
		} else {
			g_string_append_c(out, text[i]);
		}
	return g_string_free(out, FALSE);
}

char *bz_local_folder_name(const char *file)
{
	g_autofree char *name = NULL, *again = NULL;

	if (!g_str_has_suffix(file, ".mbox") || !g_utf8_validate(file, -1, NULL))
		return NULL;
	name = unescape(file, strlen(file) - strlen(".mbox"));
	again = bz_local_file_name(name);
	if (strcmp(again, file) != 0 || !g_utf8_validate(name, -1, NULL) || has_control(name) ||
		!has_good_levels(name))
		return NULL;
	return g_steal_pointer(&name);
}
