/* Retention: may this copy go? Only what reads back from a mail file here. */
#include "src/localnames.h"
#include "src/log.h"
#include "src/mbox.h"
#include "src/paths.h"
#include "src/retention.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *mbox_of(const struct bz_account *account, const char *folder)
{
	g_autofree char *name = NULL;

	if (strcmp(folder, "INBOX") == 0)
		return g_strdup(account->mbox);
	name = bz_local_file_name(folder);
	return bz_path(BZ_DIR_DATA, account->dirname, name, NULL);
}

static bool has_digest(const char *path, const struct bz_summary *row, const uint8_t digest[32])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t now[32];
	bool same;

	if (fd < 0)
		return false;
	same = bz_mbox_digest_at(fd, row->offset, row->length, now, NULL) == 0 &&
	       memcmp(now, digest, sizeof now) == 0;
	close(fd);
	return same;
}

/* Where the message stands as far as is known: 0 found, 1 not known, -1. */
static int find_row(struct bz_store *store, const char *folder, uint32_t uid,
	struct bz_summary *out, struct bz_err *err)
{
	struct bz_folder known;
	int rc = bz_store_folder_by_name(store, folder, &known, err);

	if (rc == 0) {
		rc = bz_store_by_uid(store, known.id, uid, out, err);
		bz_folder_clear(&known);
	}
	return rc;
}

static int reads_back(
	struct bz_store *store, const struct bz_account *account, uint32_t uid, struct bz_err *err)
{
	g_autofree char *folder = NULL, *path = NULL;
	struct bz_local local;
	struct bz_summary row;
	int rc = bz_store_local_get(store, uid, &local, &folder, err);

	if (rc != 0 || local.state != BZ_LOCAL_HERE)
		return rc < 0 ? -1 : 0;
	rc = find_row(store, folder, uid, &row, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	path = mbox_of(account, folder);
	rc = path != NULL && has_digest(path, &row, local.digest) ? 1 : 0;
	bz_summary_clear(&row);
	return rc;
}

int bz_retention_may_go(struct bz_store *store, const struct bz_account *account, const char *uidl,
	struct bz_err *err)
{
	struct bz_ledger row;
	int rc = bz_store_ledger_get(store, uidl, &row, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (row.state == BZ_LEDGER_DISCARDED)
		return 1;
	if (row.state != BZ_LEDGER_STORED || row.local_uid == 0)
		return 0;
	rc = reads_back(store, account, row.local_uid, err);
	if (rc == 0)
		bz_log(BZ_LOG_WARN,
			"%s: local message %u does not read back; its copy stays on "
			"the server",
			account->id, row.local_uid);
	return rc;
}
