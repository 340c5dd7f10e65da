#include "net/pop_listing.h"
#include "src/lang.h"
#include "src/log.h"
#include "src/sha256.h"

#include <string.h>

enum {
	UIDL_MAX = 70,
	NUMBER_MAX = 1 << 24, /* no maildrop has more */
	LINES_GRANT = 4096,   /* lines that may take another minute */
	EQUAL_MAX = 99        /* messages of the same bytes, where nothing else names them */
};
#define ANSWER_SECONDS 60.0
#define STALL_SECONDS 30.0

struct pop_known {       /* a row of the ledger */
	uint64_t key;    /* of its UIDL */
	uint32_t number; /* of this session; 0 = not listed */
	bool twice;      /* listed more than once */
	bool here;       /* stored or deleted here: what a new UIDL may mean */
	bool wanted;     /* left on the server, and to be asked for now */
};

/* --- keys ------------------------------------------------------------------------------------- */

/* With a secret of this session: no server can choose two UIDLs of one key. */
static uint64_t key_of(const struct pop_listing *l, const char *uidl)
{
	struct evp_md_ctx_st *sum = bz_sha256_begin();
	uint8_t digest[BZ_SHA256_SIZE];
	uint64_t key;

	bz_sha256_feed(sum, l->secret, sizeof l->secret);
	bz_sha256_feed(sum, uidl, strlen(uidl));
	bz_sha256_end(&sum, digest);
	memcpy(&key, digest, sizeof key);
	return key;
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct pop_known *)a)->key, y = ((const struct pop_known *)b)->key;

	return x < y ? -1 : x > y;
}

/* Keys are spread evenly: a row is near where its key's share of the whole range is, so that a
 * search touches one place of the memory and not twenty. */
static struct pop_known *find(const struct pop_listing *l, const char *uidl)
{
	enum { NEAR = 64 };
	struct pop_known want = {.key = key_of(l, uidl)}, *rows = (void *)l->known->data;
	size_t n = l->known->len, from = (size_t)((want.key >> 32) * n >> 32), to = from;

	for (size_t step = NEAR; from > 0 && rows[from].key > want.key; step *= 2)
		from -= MIN(from, step);
	for (size_t step = NEAR; to < n && rows[to].key < want.key; step *= 2)
		to += MIN(n - to, step);
	return n == 0 ? NULL
		      : bsearch(&want, rows + from, MIN(to + 1, n) - from, sizeof want, by_key);
}

uint32_t pop_listing_number(const struct pop_listing *l, const char *uidl)
{
	const struct pop_known *known = find(l, uidl);

	return known != NULL && known->number != 0
		       ? known->number
		       : GPOINTER_TO_UINT(g_hash_table_lookup(l->names, uidl));
}

int pop_listing_times(const struct pop_listing *l, const char *uidl)
{
	const struct pop_known *known = find(l, uidl);

	if (known != NULL && known->number != 0)
		return known->twice ? 2 : 1;
	if (!g_hash_table_contains(l->names, uidl))
		return 0;
	return g_hash_table_contains(l->twice, uidl) ? 2 : 1;
}

/* --- what the ledger knows -------------------------------------------------------------------- */

static bool on_row(void *me, const struct bz_ledger *row)
{
	struct pop_listing *l = me;
	struct pop_known known = {
		.key = key_of(l, row->uidl),
		.here = row->state == BZ_LEDGER_STORED || row->state == BZ_LEDGER_DISCARDED,
		.wanted = row->state == BZ_LEDGER_LEFT &&
			  (row->missing_since != 0 || l->max_size == 0 || row->size <= l->max_size),
	};

	g_array_append_val(l->known, known);
	return true;
}

static int load_known(struct pop_listing *l, struct bz_store *store, struct bz_err *err)
{
	if (bz_store_ledger_each(store, on_row, l, err) != 0)
		return -1;
	if (l->known->len > 0)
		qsort(l->known->data, l->known->len, sizeof(struct pop_known), by_key);
	return 0;
}

static void clear_item(void *me)
{
	g_free(((struct pop_item *)me)->uidl);
}

static struct pop_listing *new_listing(const struct bz_account *a)
{
	struct pop_listing *l = g_new0(struct pop_listing, 1);

	l->known = g_array_new(FALSE, FALSE, sizeof(struct pop_known));
	l->fresh = g_array_new(FALSE, TRUE, sizeof(struct pop_item));
	g_array_set_clear_func(l->fresh, clear_item);
	l->names = g_hash_table_new(g_str_hash, g_str_equal);
	l->twice = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	l->numbers = g_byte_array_new();
	l->newest_first = a->newest_first;
	l->max_size = a->max_size;
	for (size_t i = 0; i < G_N_ELEMENTS(l->secret); i++)
		l->secret[i] = (uint64_t)g_random_int() << 32 | g_random_int();
	return l;
}

void pop_listing_free(struct pop_listing *l)
{
	if (l == NULL)
		return;
	g_array_unref(l->known);
	g_hash_table_unref(l->names);
	g_hash_table_unref(l->twice);
	g_array_unref(l->fresh);
	g_byte_array_unref(l->numbers);
	g_free(l);
}

/* --- lines of UIDL ---------------------------------------------------------------------------- */

/* False: it came by before, or it is none. */
static bool note_number(struct pop_listing *l, uint64_t number)
{
	guint old = l->numbers->len, at = (guint)(number / 8);
	guint8 bit = (guint8)(1 << number % 8);

	if (number == 0 || number > NUMBER_MAX)
		return false;
	if (at >= old) {
		g_byte_array_set_size(l->numbers, at + 1 + at / 2);
		memset(l->numbers->data + old, 0, l->numbers->len - old);
	}
	if ((l->numbers->data[at] & bit) != 0)
		return false;
	l->numbers->data[at] |= bit;
	return true;
}

/* RFC 1939 section 7: 1 to 70 characters of 0x21 to 0x7E. What breaks that rule is known by its
 * digest. */
static char *name_of(const char *id, char buf[UIDL_MAX + 1])
{
	size_t n = strlen(id);
	bool plain = n <= UIDL_MAX;

	for (size_t i = 0; i < n && plain; i++)
		plain = id[i] >= 0x21 && id[i] <= 0x7e;
	if (plain) {
		memcpy(buf, id, n + 1);
	} else {
		g_autofree char *sum =
			g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)id, n);

		(void)g_snprintf(buf, UIDL_MAX + 1, "(%s", sum);
	}
	return buf;
}

bool pop_listing_is_name(const char *told, const char *uidl)
{
	char name[UIDL_MAX + 1];

	return strcmp(name_of(told, name), uidl) == 0;
}

/* Of too many the oldest are kept, or the newest: then the array is a ring for a while. False: the
 * UIDL is that of another. */
static bool keep_fresh(struct pop_listing *l, uint32_t number, const char *uidl, bool known)
{
	struct pop_item item = {.number = number, .known = known, .want = POP_WANT_WHOLE};
	guint at = l->fresh_total % POP_SESSION_MAX;

	if (g_hash_table_contains(l->names, uidl)) {
		(void)g_hash_table_add(l->twice, g_strdup(uidl));
		return false;
	}
	l->fresh_total++;
	if (l->fresh->len == POP_SESSION_MAX && !l->newest_first)
		return true;
	item.uidl = g_strdup(uidl);
	if (l->fresh->len < POP_SESSION_MAX) {
		g_array_append_val(l->fresh, item);
	} else {
		struct pop_item *old = &g_array_index(l->fresh, struct pop_item, at);

		g_hash_table_remove(l->names, old->uidl);
		g_free(old->uidl);
		*old = item;
	}
	g_hash_table_insert(l->names, item.uidl, GUINT_TO_POINTER(number));
	return true;
}

static void add_name(struct pop_listing *l, uint32_t number, const char *uidl)
{
	struct pop_known *known = uidl[0] != '\0' ? find(l, uidl) : NULL;

	if (known != NULL && known->number == 0) {
		known->number = number;
		l->recognised++;
		if (known->wanted)
			(void)keep_fresh(l, number, uidl, true);
	} else if (known != NULL) {
		known->twice = true;
		l->left_alone++;
	} else if (uidl[0] == '\0' || !keep_fresh(l, number, uidl, false)) {
		l->left_alone++;
	}
}

/* "3 id". False: no line of a listing. */
static bool add_line(struct pop_listing *l, const char *line)
{
	char name[UIDL_MAX + 1], *end;
	guint64 number = g_ascii_isdigit(line[0]) ? g_ascii_strtoull(line, &end, 10) : 0;

	if (number == 0 || (*end != ' ' && *end != '\0') || !note_number(l, number))
		return false;
	l->listed++;
	add_name(l, (uint32_t)number, name_of(end + strspn(end, " "), name));
	return true;
}

/* A minute more for each few thousand lines. */
static int next_line(struct pop_conn *c, const struct bz_job *job, uint32_t seen, const char **line,
	struct bz_err *err)
{
	if (seen % LINES_GRANT == 0)
		bz_stream_limits(
			c->stream, bz_now() + ANSWER_SECONDS, STALL_SECONDS, 0, job->cancel);
	return pop_next(c, line, err);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct pop_item *)a)->number, y = ((const struct pop_item *)b)->number;

	return x < y ? -1 : x > y;
}

static int read_uidl(
	struct pop_listing *l, struct pop_conn *c, const struct bz_job *job, struct bz_err *err)
{
	const char *line;
	int rc = pop_status(c, NULL, err);

	l->nameless = rc == 1;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	while ((rc = next_line(c, job, l->listed, &line, err)) == 1)
		if (!add_line(l, line))
			return pop_broken(c, line, err);
	if (l->fresh->len > 0)
		qsort(l->fresh->data, l->fresh->len, sizeof(struct pop_item), by_number);
	return rc;
}

/* --- lines of LIST ---------------------------------------------------------------------------- */

static struct pop_item *item_of(const struct pop_listing *l, uint64_t number, guint hint)
{
	struct pop_item want = {.number = (uint32_t)number};

	if (number == 0 || number > NUMBER_MAX || l->fresh->len == 0)
		return NULL;
	if (hint < l->fresh->len && g_array_index(l->fresh, struct pop_item, hint).number == number)
		return &g_array_index(l->fresh, struct pop_item, hint);
	return bsearch(&want, l->fresh->data, l->fresh->len, sizeof want, by_number);
}

/* Sizes serve the progress line, and what is too big to come unasked. */
static void note_size(struct pop_listing *l, const char *line, guint *hint)
{
	char *end;
	guint64 number = g_ascii_strtoull(line, &end, 10);
	struct pop_item *item;

	if (l->nameless && note_number(l, number)) {
		struct pop_item one = {.number = (uint32_t)number, .want = POP_WANT_NAME};

		g_array_append_val(l->fresh, one);
		*hint = l->fresh->len - 1;
	}
	item = item_of(l, number, *hint);
	if (item == NULL)
		return;
	item->size = *end == ' ' ? g_ascii_strtoull(end, NULL, 10) : 0;
	*hint = (guint)(item - (struct pop_item *)(void *)l->fresh->data) + 1;
}

static int read_list(
	struct pop_listing *l, struct pop_conn *c, const struct bz_job *job, struct bz_err *err)
{
	const char *line;
	guint hint = 0;
	uint32_t lines = 0;
	int rc = pop_status(c, NULL, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	while ((rc = next_line(c, job, lines, &line, err)) == 1) {
		if (++lines > NUMBER_MAX)
			return pop_broken(c, "LIST", err);
		note_size(l, line, &hint);
	}
	return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int read_stat(struct pop_listing *l, struct pop_conn *c, struct bz_err *err)
{
	const char *line = "";
	char *end;
	int rc = pop_status(c, &line, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	l->stat_count = g_ascii_strtoull(line, &end, 10);
	l->stat_bytes = g_ascii_strtoull(end, NULL, 10);
	return 0;
}

/* Sizes are not asked for where nothing is new, if that costs a turn. */
static int read_in_turn(
	struct pop_listing *l, struct pop_conn *c, const struct bz_job *job, struct bz_err *err)
{
	if (pop_say(c, err, "STAT") != 0 || read_stat(l, c, err) != 0 ||
		pop_say(c, err, "UIDL") != 0 || read_uidl(l, c, job, err) != 0)
		return -1;
	if (l->fresh->len == 0 && !l->nameless)
		return 0;
	return pop_say(c, err, "LIST") == 0 ? read_list(l, c, job, err) : -1;
}

static int read_at_once(
	struct pop_listing *l, struct pop_conn *c, const struct bz_job *job, struct bz_err *err)
{
	return pop_say(c, err, "STAT\r\nUIDL\r\nLIST") != 0 || read_stat(l, c, err) != 0 ||
			       read_uidl(l, c, job, err) != 0
		       ? -1
		       : read_list(l, c, job, err);
}

/* Numbers of a server that has neither UIDL nor LIST. */
static void count_up(struct pop_listing *l)
{
	for (uint32_t i = 1; i <= MIN(l->stat_count, NUMBER_MAX); i++) {
		struct pop_item item = {.number = i, .want = POP_WANT_NAME};

		g_array_append_val(l->fresh, item);
	}
}

static void choose_want(struct pop_listing *l, struct pop_item *item)
{
	bool too_big = l->max_size > 0 && item->size > l->max_size;

	item->want = too_big ? POP_WANT_HEADER : POP_WANT_WHOLE;
	l->fresh_bytes += too_big ? 0 : item->size;
}

static void choose_wants(struct pop_listing *l)
{
	for (guint i = 0; i < l->fresh->len && !l->nameless; i++)
		choose_want(l, &g_array_index(l->fresh, struct pop_item, i));
}

static void note_left_alone(const struct pop_conn *c, const struct bz_job *job, guint n)
{
	g_autofree char *text = g_strdup_printf(
		ngettext(
			"%s does not tell %u message apart from the others (UIDL); it stays there.",
			"%s does not tell %u messages apart from the others (UIDL); they stay "
			"there.",
			n),
		bz_stream_host(c->stream), n);

	bz_log(BZ_LOG_WARN, "%s", text);
	job->report->note(job->report->me, text);
}

static void tell(const struct pop_listing *l, const struct pop_conn *c, const struct bz_job *job)
{
	uint64_t count = l->stat_count > 0 ? l->stat_count : l->listed;

	job->report->space(job->report->me, (uint32_t)MIN(count, UINT32_MAX), l->stat_bytes, 0);
	if (l->left_alone > 0)
		note_left_alone(c, job, l->left_alone);
}

struct pop_listing *pop_listing_read(struct pop_conn *c, const struct bz_account *account,
	struct bz_store *store, const struct bz_job *job, struct bz_err *err)
{
	struct pop_listing *l = new_listing(account);

	if (load_known(l, store, err) != 0 ||
		(c->caps.pipelining ? read_at_once : read_in_turn)(l, c, job, err) != 0) {
		pop_listing_free(l);
		return NULL;
	}
	if (l->nameless && l->fresh->len == 0)
		count_up(l);
	choose_wants(l);
	tell(l, c, job);
	return l;
}

/* --- other UIDLs for the same messages -------------------------------------------------------- */

static bool has_missing(const struct pop_listing *l, bool here)
{
	for (guint i = 0; i < l->known->len; i++) {
		const struct pop_known *known = &g_array_index(l->known, struct pop_known, i);

		if (known->number == 0 && (known->here || !here))
			return true;
	}
	return false;
}

bool pop_listing_is_renamed(const struct pop_listing *l)
{
	return l->listed > 0 && l->recognised <= l->listed / 20 && has_missing(l, true);
}

bool pop_listing_has_missing(const struct pop_listing *l)
{
	return has_missing(l, false);
}

void pop_listing_rebound(struct pop_listing *l, const char *from, uint32_t number)
{
	struct pop_known *known = find(l, from);

	if (known != NULL)
		known->number = number;
}

/* --- no UIDLs --------------------------------------------------------------------------------- */

/* Equal ones are told apart by which of them they are. False: there are too many. */
static bool number_equals(const struct pop_listing *l, char **name)
{
	g_autofree char *first = g_steal_pointer(name);

	for (int i = 1; i <= EQUAL_MAX; i++) {
		g_autofree char *one =
			i == 1 ? g_strdup(first) : g_strdup_printf("%s#%d", first, i);

		if (pop_listing_number(l, one) == 0) {
			*name = g_steal_pointer(&one);
			return true;
		}
	}
	return false;
}

GChecksum *pop_listing_name_begin(const struct pop_listing *l, guint i)
{
	g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT "\n",
		(guint64)g_array_index(l->fresh, struct pop_item, i).size);
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);

	g_checksum_update(sum, (const guchar *)size, -1);
	return sum;
}

void pop_listing_name_end(struct pop_listing *l, guint i, GChecksum *sum)
{
	struct pop_item *item = &g_array_index(l->fresh, struct pop_item, i);
	g_autofree char *name = g_strconcat("md:", g_checksum_get_string(sum), NULL);
	struct pop_known *known;

	g_checksum_free(sum);
	l->listed++;
	item->want = POP_WANT_NOTHING;
	if (!number_equals(l, &name)) {
		l->left_alone++;
		return;
	}
	known = find(l, name);
	item->uidl = g_steal_pointer(&name);
	g_hash_table_insert(l->names, item->uidl, GUINT_TO_POINTER(item->number));
	if (known != NULL) {
		known->number = item->number;
		l->recognised++;
	}
	item->known = known != NULL;
	if (known == NULL || known->wanted)
		choose_want(l, item);
}
