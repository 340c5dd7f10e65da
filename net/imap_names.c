#include "net/imap_names.h"
#include "src/lang.h"

#include <string.h>

/* --- wire and screen -------------------------------------------------------------------------- */

const char *imap_known_name(const char *told)
{
	return g_ascii_strcasecmp(told, "INBOX") == 0 ? "INBOX" : told;
}

/* Modified UTF-7 (RFC 3501 5.1.3) by iconv; a name that is none is shown as it is. */
char *imap_title(const char *name, char delimiter)
{
	char *title = g_convert(name, -1, "UTF-8", "UTF-7-IMAP", NULL, NULL, NULL);

	if (title == NULL)
		title = g_utf8_make_valid(name, -1);
	if (delimiter != '\0' && delimiter != '/')
		g_strdelimit(title, (char[]){delimiter, '\0'}, '/');
	if (g_ascii_strcasecmp(title, "INBOX") == 0) {
		g_free(title);
		title = g_strdup("Inbox"); /* shown in the language of the person by its role */
	}
	return title;
}

void imap_learn_naming(struct imap_naming *naming, const GPtrArray *folders)
{
	unsigned below = 0, beside = 0;

	*naming = (struct imap_naming){0};
	for (guint i = 0; i < folders->len; i++) {
		const struct bz_folder *f = g_ptr_array_index(folders, i);

		if (f->delimiter != '\0')
			naming->delimiter = f->delimiter;
		if (g_ascii_strncasecmp(f->name, "INBOX", 5) != 0)
			beside++;
		else if (f->name[5] != '\0' && f->name[5] == f->delimiter)
			below++;
		else if (f->name[5] != '\0')
			beside++;
	}
	if (below > 0 && beside == 0)
		(void)g_snprintf(
			naming->prefix, sizeof naming->prefix, "INBOX%c", naming->delimiter);
}

/* "Año/uno" -> "A&APE-o.uno"; the caller's. NULL with REFUSED when it cannot be said. */
char *imap_name(const char *title, char delimiter, struct bz_err *err)
{
	g_autofree char *levels = g_strdup(title);
	g_autofree char *name = NULL, *back = NULL;

	if (delimiter == '\0' && strchr(title, '/') != NULL) {
		bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
			_("This server has no folders below folders: / cannot be in a name."));
		return NULL;
	}
	if (delimiter != '\0' && delimiter != '/' && strchr(title, delimiter) != NULL) {
		bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
			_("On this server %c stands between two levels and cannot be in a name; "
			  "type / for a level."),
			delimiter);
		return NULL;
	}
	if (delimiter != '\0')
		g_strdelimit(levels, "/", delimiter);
	name = g_convert(levels, -1, "UTF-7-IMAP", "UTF-8", NULL, NULL, NULL);
	back = name != NULL ? g_convert(name, -1, "UTF-8", "UTF-7-IMAP", NULL, NULL, NULL) : NULL;
	if (g_strcmp0(back, levels) == 0)
		return g_steal_pointer(&name);
	bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
		_("A folder needs a name of letters, figures and signs; / stands between two "
		  "levels."));
	return NULL;
}

/* --- what a folder is for --------------------------------------------------------------------- */

/* As servers and programs call them in the languages they are most used in; the first that is there
 * counts. */
static const char *const usual[][24] = {
	[BZ_ROLE_SENT] = {"Sent", "Sent Items", "Sent Messages", "Sent Mail", "Enviados",
		"Elementos enviados", "Mensajes enviados", "Correo enviado", "Gesendet",
		"Gesendete Elemente", "Gesendete Objekte", "Envoy\303\251s",
		"\303\211l\303\251ments envoy\303\251s", "Messages envoy\303\251s", "Inviati",
		"Posta inviata", "Enviadas", "Itens enviados", "Enviats"},
	[BZ_ROLE_DRAFTS] = {"Drafts", "Draft", "Borradores", "Entw\303\274rfe", "Brouillons",
		"Bozze", "Rascunhos", "Esborranys"},
	[BZ_ROLE_TRASH] = {"Trash", "Deleted Items", "Deleted Messages", "Bin", "Papelera",
		"Elementos eliminados", "Mensajes eliminados", "Papierkorb",
		"Gel\303\266schte Elemente", "Gel\303\266schte Objekte", "Corbeille",
		"\303\211l\303\251ments supprim\303\251s", "Messages supprim\303\251s", "Cestino",
		"Posta eliminata", "Lixeira", "Itens exclu\303\255dos", "Paperera"},
	[BZ_ROLE_ARCHIVE] = {"Archive", "Archives", "Archivo", "Archivados", "Archiv", "Archivio",
		"Arquivo", "Arxiu"},
	[BZ_ROLE_JUNK] = {"Junk", "Junk E-mail", "Junk Email", "Spam", "Bulk Mail",
		"Correo no deseado", "Correo basura", "Junk-E-Mail", "Courrier ind\303\251sirable",
		"Ind\303\251sirables", "Posta indesiderata", "Lixo eletr\303\264nico",
		"Correu brossa"},
};

/* Those that can have a use, by their titles without regard to case; the first of each. */
static GHashTable *by_title(const GPtrArray *folders)
{
	GHashTable *titles = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = folders->len; i > 0; i--) {
		struct bz_folder *f = g_ptr_array_index(folders, i - 1);

		if (f->role != BZ_ROLE_INBOX && f->selectable)
			g_hash_table_insert(titles, g_utf8_casefold(f->title, -1), f);
	}
	return titles;
}

static struct bz_folder *find_called(GHashTable *titles, const char *title)
{
	g_autofree char *folded = g_utf8_casefold(title, -1);

	return g_hash_table_lookup(titles, folded);
}

/* Nothing else has this use; folder NULL: nothing has. */
static void give_role(const GPtrArray *folders, enum bz_folder_role role, struct bz_folder *folder)
{
	for (guint i = 0; i < folders->len; i++) {
		struct bz_folder *f = g_ptr_array_index(folders, i);

		if (f->role == role)
			f->role = BZ_ROLE_NONE;
	}
	if (folder != NULL)
		folder->role = role;
}

static bool has_role(const GPtrArray *folders, enum bz_folder_role role)
{
	for (guint i = 0; i < folders->len; i++)
		if (((const struct bz_folder *)g_ptr_array_index(folders, i))->role == role)
			return true;
	return false;
}

static void guess_role(GHashTable *titles, enum bz_folder_role role)
{
	for (size_t i = 0; usual[role][i] != NULL; i++) {
		struct bz_folder *folder = find_called(titles, usual[role][i]);

		if (folder == NULL || folder->role != BZ_ROLE_NONE)
			continue;
		folder->role = role;
		return;
	}
}

static void shorten_titles(const GPtrArray *folders)
{
	struct imap_naming naming;
	size_t n;

	imap_learn_naming(&naming, folders);
	n = strlen(naming.prefix);
	for (guint i = 0; n > 0 && i < folders->len; i++) {
		struct bz_folder *f = g_ptr_array_index(folders, i);

		if (strlen(f->name) > n && strlen(f->title) > n)
			memmove(f->title, f->title + n, strlen(f->title + n) + 1);
	}
}

void imap_settle_names(GPtrArray *folders, const struct bz_account *account)
{
	GHashTable *titles;

	shorten_titles(folders);
	titles = by_title(folders);
	for (enum bz_folder_role role = BZ_ROLE_SENT; role < BZ_ROLES; role++)
		if (account->folders[role] != NULL)
			give_role(folders, role, find_called(titles, account->folders[role]));
		else if (!has_role(folders, role))
			guess_role(titles, role);
	g_hash_table_unref(titles);
}
