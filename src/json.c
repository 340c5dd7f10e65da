#include "src/json.h"
#include "src/render.h"

#include <json-glib/json-glib.h>
#include <string.h>

static char *finish(JsonBuilder *b)
{
	g_autoptr(JsonNode) root = json_builder_get_root(b);
	char *text = json_to_string(root, FALSE);

	g_object_unref(b);
	return text;
}

static void put(JsonBuilder *b, const char *name, const char *value)
{
	g_autofree char *valid = value != NULL ? g_utf8_make_valid(value, -1) : NULL;

	json_builder_set_member_name(b, name);
	if (valid != NULL)
		json_builder_add_string_value(b, valid);
	else
		json_builder_add_null_value(b);
}

static void put_int(JsonBuilder *b, const char *name, int64_t value)
{
	json_builder_set_member_name(b, name);
	json_builder_add_int_value(b, value);
}

/* ISO 8601 with the sender's zone, or null. */
static void put_time(JsonBuilder *b, const char *name, int64_t date, int zone)
{
	g_autofree char *text = NULL;
	g_autoptr(GTimeZone) tz = g_time_zone_new_offset(zone * 60);
	g_autoptr(GDateTime) utc = NULL;
	g_autoptr(GDateTime) local = NULL;

	if (date != INT64_MIN)
		utc = g_date_time_new_from_unix_utc(date);
	if (utc != NULL)
		local = g_date_time_to_timezone(utc, tz);
	if (local != NULL)
		text = g_date_time_format(local, "%Y-%m-%dT%H:%M:%S%:z");
	put(b, name, text);
}

static void put_date(JsonBuilder *b, int64_t date, int zone)
{
	put_time(b, "date", date, zone);
}

static void put_flags(JsonBuilder *b, unsigned flags)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {{BZ_FLAG_SEEN, "seen"}, {BZ_FLAG_ANSWERED, "answered"},
		{BZ_FLAG_FLAGGED, "flagged"}, {BZ_FLAG_DELETED, "deleted"},
		{BZ_FLAG_DRAFT, "draft"}, {BZ_FLAG_FORWARDED, "forwarded"},
		{BZ_FLAG_ATTACH, "attachment"}, {BZ_FLAG_INCOMPLETE, "incomplete"}};

	json_builder_set_member_name(b, "flags");
	json_builder_begin_array(b);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if ((flags & names[i].bit) != 0)
			json_builder_add_string_value(b, names[i].name);
	json_builder_end_array(b);
}

char *bz_json_summary(const struct bz_summary *s, const char *ref)
{
	JsonBuilder *b = json_builder_new();
	const char *name = s->from_name != NULL ? s->from_name : "";
	const char *addr = s->from_addr != NULL ? s->from_addr : "";
	g_autofree char *from =
		name[0] != '\0' ? g_strdup_printf("%s <%s>", name, addr) : g_strdup(addr);

	json_builder_begin_object(b);
	put(b, "ref", ref);
	put_int(b, "uid", s->uid);
	put_date(b, s->date, s->date_zone);
	put(b, "from", from);
	put(b, "to", s->to);
	put(b, "subject", s->subject);
	put_flags(b, s->flags);
	put_int(b, "size", (int64_t)s->size);
	put(b, "message_id", s->message_id);
	json_builder_end_object(b);
	return finish(b);
}

char *bz_json_copy(const struct bz_copy *copy)
{
	static const char *const fates[] = {[BZ_COPY_STAYS] = "stays",
		[BZ_COPY_GOES] = "goes",
		[BZ_COPY_UNTIL_DELETED] = "until-deleted",
		[BZ_COPY_DUE] = "due",
		[BZ_COPY_LEFT] = "left",
		[BZ_COPY_NEW] = "new"};
	JsonBuilder *b = json_builder_new();

	json_builder_begin_object(b);
	put_int(b, "uid", copy->uid);
	put_int(b, "size", (int64_t)copy->size);
	put_time(b, "stored", copy->stored != 0 ? copy->stored : INT64_MIN, 0);
	put(b, "fate", fates[copy->fate]);
	put_time(b, "until", copy->fate == BZ_COPY_GOES ? copy->until : INT64_MIN, 0);
	put(b, "from", copy->from);
	put(b, "subject", copy->subject);
	json_builder_end_object(b);
	return finish(b);
}

static void put_addresses(JsonBuilder *b, const char *name, const GPtrArray *list)
{
	json_builder_set_member_name(b, name);
	json_builder_begin_array(b);
	for (guint i = 0; i < list->len; i++) {
		const struct bz_address *a = g_ptr_array_index(list, i);

		json_builder_begin_object(b);
		put(b, "name", a->name);
		put(b, "addr", a->addr);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
}

static void put_part(JsonBuilder *b, const struct bz_part *p)
{
	json_builder_begin_object(b);
	put(b, "path", p->path);
	put(b, "type", p->type);
	put(b, "charset", p->charset[0] != '\0' ? p->charset : NULL);
	put(b, "disposition", p->disposition[0] != '\0' ? p->disposition : NULL);
	put(b, "filename", p->filename[0] != '\0' ? p->filename : NULL);
	put_int(b, "size", (int64_t)p->size);
	json_builder_end_object(b);
}

char *bz_json_message(const struct bz_message *m, const char *text)
{
	JsonBuilder *b = json_builder_new();

	json_builder_begin_object(b);
	put(b, "subject", m->subject);
	put_addresses(b, "from", m->from);
	put_addresses(b, "to", m->to);
	put_addresses(b, "cc", m->cc);
	put_date(b, m->date, m->date_zone);
	put(b, "message_id", m->message_id);
	json_builder_set_member_name(b, "parts");
	json_builder_begin_array(b);
	for (guint i = 0; i < m->parts->len; i++)
		put_part(b, g_ptr_array_index(m->parts, i));
	json_builder_end_array(b);
	put(b, "text", text);
	json_builder_end_object(b);
	return finish(b);
}
