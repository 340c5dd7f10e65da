/* A session that only says what it would do: the listing is read, and that is all. */
#include "net/pop_private.h"
#include "src/lang.h"
#include "src/retention.h"

#define QUIT_SECONDS 2.0

static int times(void *me, const char *uidl)
{
	return pop_listing_times(me, uidl);
}

static void add_coming(const struct pop_listing *listing, GArray *copies)
{
	for (guint i = 0; i < listing->fresh->len; i++) {
		const struct pop_item *item = &g_array_index(listing->fresh, struct pop_item, i);
		struct bz_copy copy = {.size = item->size,
			.fate = item->want == POP_WANT_HEADER ? BZ_COPY_LEFT : BZ_COPY_NEW,
			.from = g_strdup(""),
			.subject = g_strdup("")};

		g_array_append_val(copies, copy);
	}
}

static int forecast(struct bz_backend *b, struct bz_err *err)
{
	struct bz_listed listed = {times, b->listing};
	struct bz_clock clock;

	if (b->listing->nameless)
		return bz_err_set(err, BZ_ERR_UNSUPPORTED, BZ_CODE_NONE,
			_("%s cannot tell its messages apart (UIDL); what is new is only known "
			  "once they are looked at."),
			b->account->host);
	add_coming(b->listing, b->job->forecast);
	bz_clock_read(&clock);
	return bz_retention_forecast(b->store, b->account, &listed, &clock, b->job->forecast, err);
}

int pop_forecast(struct bz_backend *b, struct bz_err *err)
{
	int rc = -1;

	if (b->conn != NULL)
		return bz_err_set(err, BZ_ERR_REFUSED, BZ_CODE_NONE,
			_("%s is being asked for mail at the moment."), b->account->host);
	b->conn = pop_open(b->account, b->store, b->job, err);
	if (b->conn != NULL)
		b->listing = pop_listing_read(b->conn, b->account, b->store, b->job, err);
	if (b->listing != NULL)
		rc = forecast(b, err);
	if (rc == 0)
		(void)pop_close(&b->conn, b->job, QUIT_SECONDS);
	pop_session_drop(b);
	return rc;
}
