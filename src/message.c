#include "src/message.h"

#include <stdatomic.h>
#include <string.h>

void bz_part_free(void *part)
{
	struct bz_part *p = part;

	if (p == NULL)
		return;
	g_free(p->path);
	g_free(p->type);
	g_free(p->charset);
	g_free(p->disposition);
	g_free(p->filename);
	g_free(p->title);
	g_free(p->content_id);
	g_free(p->encoding);
	if (p->content != NULL)
		g_bytes_unref(p->content);
	g_free(p);
}

static void header_free(void *header)
{
	struct bz_header *h = header;

	g_free(h->name);
	g_free(h->value);
	g_free(h);
}

void bz_address_free(void *address)
{
	struct bz_address *a = address;

	g_free(a->name);
	g_free(a->addr);
	g_free(a);
}

struct bz_message *bz_message_new(void)
{
	struct bz_message *message = g_new0(struct bz_message, 1);

	message->headers = g_ptr_array_new_with_free_func(header_free);
	message->from = g_ptr_array_new_with_free_func(bz_address_free);
	message->to = g_ptr_array_new_with_free_func(bz_address_free);
	message->cc = g_ptr_array_new_with_free_func(bz_address_free);
	message->reply_to = g_ptr_array_new_with_free_func(bz_address_free);
	message->parts = g_ptr_array_new_with_free_func(bz_part_free);
	message->subject = g_strdup("");
	message->message_id = g_strdup("");
	message->date = INT64_MIN;
	message->server_until = INT64_MIN;
	atomic_init(&message->refs, 1);
	return message;
}

struct bz_message *bz_message_ref(struct bz_message *message)
{
	atomic_fetch_add(&message->refs, 1);
	return message;
}

void bz_message_unref(struct bz_message *message)
{
	if (message == NULL || atomic_fetch_sub(&message->refs, 1) != 1)
		return;
	g_ptr_array_unref(message->headers);
	g_ptr_array_unref(message->from);
	g_ptr_array_unref(message->to);
	g_ptr_array_unref(message->cc);
	g_ptr_array_unref(message->reply_to);
	g_ptr_array_unref(message->parts);
	g_free(message->subject);
	g_free(message->message_id);
	g_free(message->limit);
	if (message->raw != NULL)
		g_bytes_unref(message->raw);
	g_free(message);
}

/* RFC 2046 5.1.4: of the forms of one text, one is shown. */
static void choose_alternative(GPtrArray *parts, uint16_t group)
{
	struct bz_part *plain = NULL, *html = NULL;
	bool stub;

	for (guint i = 0; i < parts->len; i++) {
		struct bz_part *p = g_ptr_array_index(parts, i);

		if (p->alternative != group || (p->flags & BZ_PART_NESTED) != 0)
			continue;
		if (plain == NULL && strcmp(p->type, "text/plain") == 0)
			plain = p;
		else if (strcmp(p->type, "text/html") == 0)
			html = p;
	}
	stub = plain != NULL && html != NULL && plain->size < 200 && html->size > 10 * plain->size;
	if (plain != NULL && !stub)
		plain->flags |= BZ_PART_TEXT;
	else if (html != NULL)
		html->flags |= BZ_PART_TEXT;
}

static bool is_text(const struct bz_part *p)
{
	return strcmp(p->type, "text/plain") == 0 || strcmp(p->type, "text/html") == 0;
}

static void classify_lone(struct bz_part *p)
{
	bool attached = strcmp(p->disposition, "attachment") == 0;
	bool picture_of_text = p->content_id[0] != '\0' && g_str_has_prefix(p->type, "image/");

	if (is_text(p) && !attached && p->filename[0] == '\0')
		p->flags |= BZ_PART_TEXT;
	else if (is_text(p) &&
		 strcmp(p->disposition, "inline") == 0) /* a patch, a log: read and saved */
		p->flags |= BZ_PART_TEXT | BZ_PART_ATTACHMENT;
	else if (attached || !picture_of_text)
		p->flags |= BZ_PART_ATTACHMENT;
}

void bz_message_classify(struct bz_message *message)
{
	uint16_t groups = 0;

	for (guint i = 0; i < message->parts->len; i++) {
		struct bz_part *p = g_ptr_array_index(message->parts, i);

		p->flags &= ~(unsigned)(BZ_PART_TEXT | BZ_PART_ATTACHMENT);
		groups = MAX(groups, p->alternative);
		if ((p->flags & BZ_PART_NESTED) == 0 && (p->alternative == 0 || !is_text(p)))
			classify_lone(p);
	}
	for (uint16_t g = 1; g <= groups; g++)
		choose_alternative(message->parts, g);
}
