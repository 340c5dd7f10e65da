#include "src/model.h"

#include <stdlib.h>
#include <string.h>

void bz_folder_clear(struct bz_folder *folder)
{
	g_free(folder->name);
	g_free(folder->title);
	memset(folder, 0, sizeof *folder);
}

void bz_folder_free(void *folder)
{
	if (folder == NULL)
		return;
	bz_folder_clear(folder);
	g_free(folder);
}

void bz_summary_clear(struct bz_summary *summary)
{
	g_free(summary->from_name);
	g_free(summary->from_addr);
	g_free(summary->to);
	g_free(summary->subject);
	g_free(summary->message_id);
	g_free(summary->refs);
	memset(summary, 0, sizeof *summary);
}

void bz_copy_clear(void *me)
{
	struct bz_copy *copy = me;

	g_free(copy->from);
	g_free(copy->subject);
	memset(copy, 0, sizeof *copy);
}

GArray *bz_copies_new(void)
{
	GArray *copies = g_array_new(FALSE, TRUE, sizeof(struct bz_copy));

	g_array_set_clear_func(copies, bz_copy_clear);
	return copies;
}

int bz_uid_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

bool bz_uid_is_in(const GArray *uids, uint32_t uid)
{
	return uids->len > 0 &&
	       bsearch(&uid, uids->data, uids->len, sizeof uid, bz_uid_compare) != NULL;
}
