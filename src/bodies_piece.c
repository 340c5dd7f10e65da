/* A message as pieces and back: GVariant for headers and structure, byte strings throughout, for
 * nothing in a message is UTF-8 for certain. */
#include "src/bodies_private.h"

#include <string.h>

#define PAIRS "a(ayay)"
#define PART "(ayayayayaymayayaybbqtub)"
#define HEAD                                                                                       \
	"(" PAIRS PAIRS PAIRS PAIRS PAIRS "ayayximay"                                              \
	"a" PART ")"
#define PARTS_MAX 10000

static void piece_free(void *me)
{
	struct bz_piece *piece = me;

	g_free(piece->path);
	g_bytes_unref(piece->data);
	g_free(piece);
}

GPtrArray *bz_pieces_new(void)
{
	return g_ptr_array_new_with_free_func(piece_free);
}

void bz_pieces_add(GPtrArray *pieces, const char *path, GBytes *data)
{
	struct bz_piece *piece = g_new(struct bz_piece, 1);

	piece->path = g_strdup(path != NULL ? path : "");
	piece->data = data;
	g_ptr_array_add(pieces, piece);
}

char *bz_pieces_sum(const GPtrArray *pieces)
{
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
	char *text;

	for (guint i = 0; i < pieces->len; i++) {
		const struct bz_piece *piece = g_ptr_array_index(pieces, i);
		gsize n;
		const guchar *data = g_bytes_get_data(piece->data, &n);
		guint64 length = n;

		g_checksum_update(
			sum, (const guchar *)piece->path, (gssize)strlen(piece->path) + 1);
		g_checksum_update(sum, (const guchar *)&length, sizeof length);
		g_checksum_update(sum, data, (gssize)n);
	}
	text = g_strdup(g_checksum_get_string(sum));
	g_checksum_free(sum);
	return text;
}

/* --- to pieces -------------------------------------------------------------------------------- */

static void add_headers(GVariantBuilder *out, const GPtrArray *headers)
{
	g_variant_builder_open(out, G_VARIANT_TYPE(PAIRS));
	for (guint i = 0; i < headers->len; i++) {
		const struct bz_header *h = g_ptr_array_index(headers, i);

		g_variant_builder_add(out, "(^ay^ay)", h->name, h->value);
	}
	g_variant_builder_close(out);
}

static void add_addresses(GVariantBuilder *out, const GPtrArray *addresses)
{
	g_variant_builder_open(out, G_VARIANT_TYPE(PAIRS));
	for (guint i = 0; i < addresses->len; i++) {
		const struct bz_address *a = g_ptr_array_index(addresses, i);

		g_variant_builder_add(out, "(^ay^ay)", a->name, a->addr);
	}
	g_variant_builder_close(out);
}

static void add_part(GVariantBuilder *out, const struct bz_part *p)
{
	g_variant_builder_add(out, "(^ay^ay^ay^ay^aym^ay^ay^aybbqtub)", p->path, p->type,
		p->charset, p->disposition, p->filename, p->title, p->content_id, p->encoding,
		p->flowed, p->delsp, p->alternative, p->size, p->flags, p->content != NULL);
}

static GBytes *head_of(const struct bz_message *m)
{
	g_auto(GVariantBuilder) out = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE(HEAD));
	g_autoptr(GVariant) head = NULL;

	add_headers(&out, m->headers);
	add_addresses(&out, m->from);
	add_addresses(&out, m->to);
	add_addresses(&out, m->cc);
	add_addresses(&out, m->reply_to);
	g_variant_builder_add(&out, "^ay", m->subject);
	g_variant_builder_add(&out, "^ay", m->message_id);
	g_variant_builder_add(&out, "x", m->date);
	g_variant_builder_add(&out, "i", m->date_zone);
	g_variant_builder_add(&out, "m^ay", m->limit);
	g_variant_builder_open(&out, G_VARIANT_TYPE("a" PART));
	for (guint i = 0; i < m->parts->len; i++)
		add_part(&out, g_ptr_array_index(m->parts, i));
	g_variant_builder_close(&out);
	head = g_variant_ref_sink(g_variant_builder_end(&out));
	return g_variant_get_data_as_bytes(head);
}

GPtrArray *bz_pieces_of(const struct bz_message *message)
{
	GPtrArray *pieces = bz_pieces_new();

	bz_pieces_add(pieces, "", head_of(message));
	for (guint i = 0; i < message->parts->len; i++) {
		const struct bz_part *p = g_ptr_array_index(message->parts, i);

		if (p->content != NULL)
			bz_pieces_add(pieces, p->path, g_bytes_ref(p->content));
	}
	return pieces;
}

/* --- and back --------------------------------------------------------------------------------- */

/* The n-th member: pairs of strings, each made into one of out by f. */
static void each_pair(
	GVariant *head, gsize n, GPtrArray *out, void *(*f)(const char *one, const char *two))
{
	g_autoptr(GVariant) pairs = g_variant_get_child_value(head, n);
	GVariantIter at;
	const char *one, *two;

	g_variant_iter_init(&at, pairs);
	while (g_variant_iter_next(&at, "(^&ay^&ay)", &one, &two))
		g_ptr_array_add(out, f(one, two));
}

static void *new_header(const char *name, const char *value)
{
	struct bz_header *h = g_new(struct bz_header, 1);

	*h = (struct bz_header){g_strdup(name), g_strdup(value)};
	return h;
}

static void *new_address(const char *name, const char *addr)
{
	struct bz_address *a = g_new(struct bz_address, 1);

	*a = (struct bz_address){g_strdup(name), g_strdup(addr)};
	return a;
}

/* *has: its content is a piece. */
static struct bz_part *read_part(GVariant *from, bool *has)
{
	struct bz_part *p = g_new0(struct bz_part, 1);
	gboolean flowed, delsp, content;
	guint32 flags;

	g_variant_get(from, "(^ay^ay^ay^ay^aym^ay^ay^aybbqtub)", &p->path, &p->type, &p->charset,
		&p->disposition, &p->filename, &p->title, &p->content_id, &p->encoding, &flowed,
		&delsp, &p->alternative, &p->size, &flags, &content);
	p->flowed = flowed;
	p->delsp = delsp;
	p->flags = flags;
	*has = content;
	return p;
}

/* Parts in order, each with the next piece where it has one. False: they do not belong together. */
static bool read_parts(GVariant *parts, const GPtrArray *pieces, struct bz_message *m)
{
	gsize n = g_variant_n_children(parts);
	guint next = 1;

	if (n > PARTS_MAX)
		return false;
	for (gsize i = 0; i < n; i++) {
		g_autoptr(GVariant) from = g_variant_get_child_value(parts, i);
		const struct bz_piece *piece;
		bool has;
		struct bz_part *p = read_part(from, &has);

		g_ptr_array_add(m->parts, p);
		if (!has)
			continue;
		piece = next < pieces->len ? g_ptr_array_index(pieces, next++) : NULL;
		if (piece == NULL || strcmp(piece->path, p->path) != 0)
			return false;
		p->content = g_bytes_ref(piece->data);
	}
	return next == pieces->len;
}

static bool read_head(GVariant *head, const GPtrArray *pieces, struct bz_message *m)
{
	g_autoptr(GVariant) parts = g_variant_get_child_value(head, 10);

	each_pair(head, 0, m->headers, new_header);
	each_pair(head, 1, m->from, new_address);
	each_pair(head, 2, m->to, new_address);
	each_pair(head, 3, m->cc, new_address);
	each_pair(head, 4, m->reply_to, new_address);
	g_free(m->subject);
	g_free(m->message_id);
	g_variant_get_child(head, 5, "^ay", &m->subject);
	g_variant_get_child(head, 6, "^ay", &m->message_id);
	g_variant_get_child(head, 7, "x", &m->date);
	g_variant_get_child(head, 8, "i", &m->date_zone);
	g_variant_get_child(head, 9, "m^ay", &m->limit);
	return read_parts(parts, pieces, m);
}

struct bz_message *bz_pieces_message(const GPtrArray *pieces)
{
	const struct bz_piece *first = pieces->len > 0 ? g_ptr_array_index(pieces, 0) : NULL;
	g_autoptr(GVariant) head = NULL;
	struct bz_message *m;

	if (first == NULL || first->path[0] != '\0')
		return NULL;
	head = g_variant_ref_sink(
		g_variant_new_from_bytes(G_VARIANT_TYPE(HEAD), first->data, FALSE));
	if (!g_variant_is_normal_form(head))
		return NULL;
	m = bz_message_new();
	if (read_head(head, pieces, m))
		return m;
	bz_message_unref(m);
	return NULL;
}
