#include "net/imap_uidset.h"
#include "src/model.h"

#include <stdlib.h>
#include <string.h>

size_t imap_uidset_add(GString *set, const uint32_t *uids, size_t n)
{
	size_t done = 0;

	n = MIN(n, (size_t)IMAP_SET_UIDS);
	while (done < n && set->len < IMAP_SET_BYTES - sizeof ",4294967295:4294967295") {
		size_t last = done;

		while (last + 1 < n && uids[last + 1] == uids[last] + 1)
			last++;
		g_string_append_printf(set, "%s%u", set->len > 0 ? "," : "", uids[done]);
		if (last > done)
			g_string_append_printf(set, ":%u", uids[last]);
		done = last + 1;
	}
	return done;
}

/* --- COPYUID ---------------------------------------------------------------------------------- */

/* nz-number of 32 bits; 0: it is none. */
static uint32_t take_number(const char **at)
{
	uint64_t n = 0;

	if (**at == '0')
		return 0;
	for (; g_ascii_isdigit(**at) && n <= UINT32_MAX; (*at)++)
		n = n * 10 + (uint64_t)(**at - '0');
	return n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* One UID after the other of a set that is never held expanded. */
struct walk {
	const char *at;
	uint32_t next, last; /* of the range under way; next 0 = none */
};

/* 0: the set ended, or is none; then at stands where. */
static uint32_t step(struct walk *w)
{
	uint32_t uid;

	if (w->next == 0) {
		w->next = w->last = take_number(&w->at);
		if (w->next != 0 && *w->at == ':') {
			w->at++;
			w->last = take_number(&w->at);
			if (w->last < w->next)
				return w->next = 0;
		}
		if (w->next == 0)
			return 0;
	}
	uid = w->next;
	w->next = uid < w->last ? uid + 1 : 0;
	if (w->next == 0 && *w->at == ',')
		w->at++;
	return uid;
}

bool imap_uidset_read(GArray *uids, const char *set, size_t most)
{
	while (*set != '\0') {
		struct walk w = {.at = set};
		uint32_t uid = 0;

		do {
			uid = uids->len < most ? step(&w) : 0;
			if (uid > 0)
				g_array_append_val(uids, uid);
		} while (uid > 0 && (w.next > 0 || w.at[-1] == ','));
		if (uid == 0 || (*w.at != ' ' && *w.at != '\0'))
			return false;
		set = w.at + (*w.at == ' ');
	}
	return true;
}

static bool has_twins(const uint32_t *to, size_t n)
{
	g_autofree uint32_t *sorted = g_memdup2(to, n * sizeof *to);
	bool twins = false;

	qsort(sorted, n, sizeof *sorted, bz_uid_compare);
	for (size_t i = 1; i < n && !twins; i++)
		twins = sorted[i] != 0 && sorted[i] == sorted[i - 1];
	return twins;
}

/* The sets side by side: false where they are not what was asked for. */
static bool pair(struct imap_copied *c, struct walk *from, struct walk *to)
{
	for (size_t i = 0; i <= c->n; i++) {
		uint32_t source = step(from), target = step(to);
		const uint32_t *found;

		if (source == 0 || target == 0)
			return source == target && i > 0 && from->at[-1] != ',' &&
			       to->at[-1] != ',';
		found = bsearch(&source, c->asked, c->n, sizeof source, bz_uid_compare);
		if (found == NULL || c->to[found - c->asked] != 0)
			return false;
		c->to[found - c->asked] = target;
	}
	return false;
}

static bool read_code(struct imap_copied *c, const char *at)
{
	struct walk from = {0}, to = {0};
	uint32_t uidvalidity = take_number(&at);

	if (uidvalidity == 0 || *at != ' ' ||
		(c->uidvalidity != 0 && c->uidvalidity != uidvalidity))
		return false;
	c->uidvalidity = uidvalidity;
	from.at = at + 1;
	to.at = strchr(from.at, ' ');
	if (to.at == NULL)
		return false;
	to.at++;
	return pair(c, &from, &to) && *from.at == ' ' && *to.at == '\0' && !has_twins(c->to, c->n);
}

void imap_copied_note(struct imap_copied *c, const char *code)
{
	if (g_ascii_strncasecmp(code, "COPYUID ", strlen("COPYUID ")) != 0 || c->n == 0 || c->odd)
		return;
	c->odd = !read_code(c, code + strlen("COPYUID "));
	if (!c->odd)
		return;
	memset(c->to, 0, c->n * sizeof *c->to);
	c->uidvalidity = 0;
}

/* --- what a server tells ---------------------------------------------------------------------- */

bool imap_ranges_read(const char *set, GArray *ranges)
{
	for (;;) {
		struct imap_range r;
		uint32_t other;

		r.low = r.high = other = take_number(&set);
		if (*set == ':') {
			set++;
			other = take_number(&set);
			r.high = MAX(r.low, other);
		}
		r.low = MIN(r.low, other);
		if (r.low == 0 || ranges->len >= IMAP_SET_RANGES)
			return false;
		g_array_append_val(ranges, r);
		if (*set != ',')
			return *set == '\0';
		set++;
	}
}

static int by_low(const void *a, const void *b)
{
	const struct imap_range *x = a, *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

void imap_ranges_tidy(GArray *ranges)
{
	struct imap_range *r = (struct imap_range *)(void *)ranges->data;
	guint n = 0;

	g_array_sort(ranges, by_low);
	for (guint i = 0; i < ranges->len; i++) {
		if (n > 0 && r[i].low <= (uint64_t)r[n - 1].high + 1)
			r[n - 1].high = MAX(r[n - 1].high, r[i].high);
		else
			r[n++] = r[i];
	}
	g_array_set_size(ranges, n);
}

uint64_t imap_ranges_count(const GArray *ranges, uint32_t low, uint32_t high)
{
	uint64_t n = 0;

	for (guint i = 0; i < ranges->len; i++) {
		const struct imap_range *r = &g_array_index(ranges, struct imap_range, i);
		uint32_t from = MAX(r->low, low), to = MIN(r->high, high);

		n += from <= to ? (uint64_t)to - from + 1 : 0;
	}
	return n;
}

void imap_ranges_pick(const GArray *ranges, const GArray *uids, bool inside, GArray *out)
{
	for (guint i = 0, k = 0; i < uids->len; i++) {
		uint32_t uid = g_array_index(uids, uint32_t, i);
		bool is_in;

		while (k < ranges->len && g_array_index(ranges, struct imap_range, k).high < uid)
			k++;
		is_in = k < ranges->len && g_array_index(ranges, struct imap_range, k).low <= uid;
		if (is_in == inside)
			g_array_append_val(out, uid);
	}
}
