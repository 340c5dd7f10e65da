/* BODYSTRUCTURE (RFC 3501 7.4.2) into the parts that the reader knows. */
#include "net/imap_parse.h"
#include "src/mime.h"

#include <string.h>

enum { PARTS_MAX = 10000, DEPTH_MAX = 64 };

struct walk {
	struct bz_message *message;
	uint16_t groups, alternative;
	bool nested, odd;
	int depth;
};

/* "; name="value"" for GMime's reader of RFC 2231 and 2047 parameters. */
static void add_params(GString *out, const struct mailimap_body_fld_param *params)
{
	if (params == NULL || params->pa_list == NULL)
		return;
	for (clistiter *c = clist_begin(params->pa_list); c != NULL; c = clist_next(c)) {
		const struct mailimap_single_body_fld_param *p = clist_content(c);
		bool extended = strchr(p->pa_name, '*') != NULL;

		g_string_append_printf(out, "; %s=%s", p->pa_name, extended ? "" : "\"");
		for (const char *v = p->pa_value; *v != '\0'; v++) {
			if ((*v == '"' || *v == '\\') && !extended)
				g_string_append_c(out, '\\');
			if (*v != '\r' && *v != '\n')
				g_string_append_c(out, *v);
		}
		if (!extended)
			g_string_append_c(out, '"');
	}
}

static const char *encoding_of(const struct mailimap_body_fld_enc *enc)
{
	switch (enc != NULL ? enc->enc_type : MAILIMAP_BODY_FLD_ENC_7BIT) {
	case MAILIMAP_BODY_FLD_ENC_BASE64:
		return "base64";
	case MAILIMAP_BODY_FLD_ENC_QUOTED_PRINTABLE:
		return "quoted-printable";
	case MAILIMAP_BODY_FLD_ENC_OTHER:
		return enc->enc_value != NULL ? enc->enc_value : "";
	default:
		return "";
	}
}

static const char *const basic_names[] = {
	[MAILIMAP_MEDIA_BASIC_APPLICATION] = "application",
	[MAILIMAP_MEDIA_BASIC_AUDIO] = "audio",
	[MAILIMAP_MEDIA_BASIC_IMAGE] = "image",
	[MAILIMAP_MEDIA_BASIC_MESSAGE] = "message",
	[MAILIMAP_MEDIA_BASIC_VIDEO] = "video",
};

static char *basic_type(const struct mailimap_media_basic *media)
{
	const char *type = media->med_type > 0 && media->med_type < (int)G_N_ELEMENTS(basic_names)
				   ? basic_names[media->med_type]
				   : NULL;

	if (type == NULL)
		type = media->med_basic_type != NULL ? media->med_basic_type : "application";
	return g_strdup_printf("%s/%s", type, media->med_subtype);
}

static char *unbracket(const char *id)
{
	size_t n = id != NULL ? strlen(id) : 0;

	return n > 1 && id[0] == '<' && id[n - 1] == '>' ? g_strndup(id + 1, n - 2)
							 : g_strdup(n > 0 ? id : "");
}

static struct bz_part *add_part(struct walk *w, const char *type, const char *path,
	const struct mailimap_body_fields *fields, const struct mailimap_body_ext_1part *ext)
{
	const struct mailimap_body_fld_dsp *dsp = ext != NULL ? ext->bd_disposition : NULL;
	GString *content_type = g_string_new(type);
	GString *disposition = dsp != NULL ? g_string_new(dsp->dsp_type) : NULL;
	struct bz_part *p;

	add_params(content_type, fields->bd_parameter);
	if (dsp != NULL)
		add_params(disposition, dsp->dsp_attributes);
	p = bz_mime_part(content_type->str, disposition != NULL ? disposition->str : NULL);
	p->path = g_strdup(path);
	p->content_id = unbracket(fields->bd_id);
	p->encoding = g_ascii_strdown(encoding_of(fields->bd_encoding), -1);
	p->size = fields->bd_size;
	if (strcmp(p->encoding, "base64") == 0)
		p->size = p->size / 78 * 57 + p->size % 78 * 3 / 4; /* its lines end in CRLF */
	p->alternative = w->alternative;
	p->flags = w->nested ? BZ_PART_NESTED : 0;
	g_ptr_array_add(w->message->parts, p);
	g_string_free(content_type, TRUE);
	if (disposition != NULL)
		g_string_free(disposition, TRUE);
	return p;
}

static void walk_body(struct walk *w, const struct mailimap_body *body, const char *path);

static void walk_message(struct walk *w, const struct mailimap_body_type_msg *msg,
	const struct mailimap_body_ext_1part *ext, const char *path)
{
	struct bz_part *p = add_part(w, "message/rfc822", path, msg->bd_fields, ext);
	uint16_t outer = w->alternative;
	bool was = w->nested;

	p->flags |= BZ_PART_CONTAINER;
	if (msg->bd_envelope != NULL && msg->bd_envelope->env_subject != NULL)
		p->title = bz_mime_decode_header(
			msg->bd_envelope->env_subject, strlen(msg->bd_envelope->env_subject));
	w->nested = true;
	w->alternative = 0;
	if (msg->bd_body->bd_type == MAILIMAP_BODY_MPART) {
		walk_body(w, msg->bd_body, path);
	} else {
		g_autofree char *sub = g_strdup_printf("%s.1", path);

		walk_body(w, msg->bd_body, sub);
	}
	w->nested = was;
	w->alternative = outer;
}

static void walk_single(
	struct walk *w, const struct mailimap_body_type_1part *one, const char *path)
{
	g_autofree char *type = NULL;

	if (one->bd_type == MAILIMAP_BODY_TYPE_1PART_MSG) {
		walk_message(w, one->bd_data.bd_type_msg, one->bd_ext_1part, path);
	} else if (one->bd_type == MAILIMAP_BODY_TYPE_1PART_TEXT) {
		type = g_strdup_printf("text/%s", one->bd_data.bd_type_text->bd_media_text);
		add_part(w, type, path, one->bd_data.bd_type_text->bd_fields, one->bd_ext_1part);
	} else if (one->bd_type == MAILIMAP_BODY_TYPE_1PART_BASIC) {
		type = basic_type(one->bd_data.bd_type_basic->bd_media_basic);
		add_part(w, type, path, one->bd_data.bd_type_basic->bd_fields, one->bd_ext_1part);
	}
}

static void walk_multipart(
	struct walk *w, const struct mailimap_body_type_mpart *multi, const char *path)
{
	uint16_t outer = w->alternative;
	int i = 0;

	if (g_ascii_strcasecmp(multi->bd_media_subtype, "alternative") == 0)
		w->alternative = ++w->groups;
	else if (g_ascii_strcasecmp(multi->bd_media_subtype, "related") != 0)
		w->alternative = 0;
	for (clistiter *c = clist_begin(multi->bd_list); c != NULL; c = clist_next(c)) {
		g_autofree char *sub =
			g_strdup_printf("%s%s%d", path, path[0] != '\0' ? "." : "", ++i);

		walk_body(w, clist_content(c), sub);
	}
	w->alternative = outer;
}

static void walk_body(struct walk *w, const struct mailimap_body *body, const char *path)
{
	if (w->depth >= DEPTH_MAX || w->message->parts->len >= PARTS_MAX) {
		w->odd = true;
		return;
	}
	w->depth++;
	if (body->bd_type == MAILIMAP_BODY_MPART)
		walk_multipart(w, body->bd_data.bd_body_mpart, path);
	else
		walk_single(w, body->bd_data.bd_body_1part, path[0] != '\0' ? path : "1");
	w->depth--;
}

bool imap_structure(const struct mailimap_body *body, struct bz_message *message)
{
	struct walk w = {.message = message};

	walk_body(&w, body, "");
	if (w.odd || message->parts->len == 0) {
		g_ptr_array_set_size(message->parts, 0);
		return false;
	}
	bz_message_classify(message);
	return true;
}
