#include "net/imap_parse.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Exported by the library (configure checks), in a header that it does not install. */
int mailimap_response_data_parse(mailstream *fd, MMAPString *buffer,
	struct mailimap_parser_context *context, size_t *index,
	struct mailimap_response_data **result, size_t progr_rate, progress_function *progr_fun);
struct mailimap_parser_context *mailimap_parser_context_new(mailimap *session);
void mailimap_parser_context_free(struct mailimap_parser_context *context);

struct imap_parser {
	mailimap *session;
	struct mailimap_parser_context *context;
	MMAPString *text;
	struct mailimap_response_data *data;
	struct imap_resp resp;
};

struct imap_parser *imap_parser_new(void)
{
	struct imap_parser *p = g_new0(struct imap_parser, 1);

	p->session = mailimap_new(0, NULL);
	p->context = mailimap_parser_context_new(p->session);
	p->text = mmap_string_new("");
	return p;
}

static void clear(struct imap_parser *p)
{
	if (p->data != NULL)
		mailimap_response_data_free(p->data);
	p->data = NULL;
	g_free(p->resp.tag);
	g_free(p->resp.word);
	g_free(p->resp.code);
	g_free(p->resp.text);
	p->resp = (struct imap_resp){.kind = IMAP_SKIP};
}

void imap_parser_free(struct imap_parser *p)
{
	if (p == NULL)
		return;
	clear(p);
	mailimap_parser_context_free(p->context);
	mmap_string_free(p->text);
	mailimap_free(p->session);
	g_free(p);
}

/* --- what is ours: states, numbers, capabilities ---------------------------------------------- */

static char *take_word(const char **at)
{
	size_t n = strcspn(*at, " \r\n");
	char *word = g_ascii_strup(*at, (gssize)n);

	*at += n;
	*at += strspn(*at, " ");
	return word;
}

/* resp-text: "[code] text". */
static void take_text(struct imap_resp *r, const char *at)
{
	const char *end = at[0] == '[' ? strchr(at, ']') : NULL;
	size_t n;

	r->code = end != NULL ? g_strndup(at + 1, (gsize)(end - at - 1)) : g_strdup("");
	if (end != NULL)
		at = end + 1 + strspn(end + 1, " ");
	n = strcspn(at, "\r\n");
	r->text = g_strndup(at, n);
}

static bool is_state(const char *word)
{
	static const char *const words[] = {"OK", "NO", "BAD", "BYE", "PREAUTH", NULL};

	return g_strv_contains(words, word);
}

static enum imap_kind numbered_kind(const char *word)
{
	return strcmp(word, "EXISTS") == 0    ? IMAP_EXISTS
	       : strcmp(word, "EXPUNGE") == 0 ? IMAP_EXPUNGE
	       : strcmp(word, "FETCH") == 0   ? IMAP_FETCH
					      : IMAP_SKIP;
}

/* Fills resp; FETCH, LIST and STATUS still need libetpan. */
static void sort_out(struct imap_resp *r, const char *at, const char *end)
{
	if (at[0] == '+') {
		r->kind = IMAP_CONTINUE;
		return;
	}
	r->tag = take_word(&at);
	if (strcmp(r->tag, "*") == 0 && g_ascii_isdigit(at[0])) {
		char *behind;
		guint64 number = g_ascii_strtoull(at, &behind, 10);

		at = behind + strspn(behind, " ");
		r->word = take_word(&at);
		r->number = (uint32_t)MIN(number, UINT32_MAX);
		r->kind = number <= UINT32_MAX ? numbered_kind(r->word) : IMAP_SKIP;
		return;
	}
	r->word = take_word(&at);
	if (is_state(r->word)) {
		r->kind = strcmp(r->tag, "*") == 0 ? IMAP_STATE : IMAP_TAGGED;
		take_text(r, at);
	} else if (strcmp(r->tag, "*") != 0) {
		r->kind = IMAP_TAGGED; /* with a word that is no state: the connection refuses it */
		take_text(r, at);
	} else if (strcmp(r->word, "CAPABILITY") == 0) {
		r->kind = IMAP_CAPABILITY;
		r->text = g_strndup(at, strcspn(at, "\r\n"));
	} else if (strcmp(r->word, "SEARCH") == 0) { /* MODSEQ (RFC 7162) may stand behind them */
		r->kind = IMAP_SEARCH;
		r->text = g_strndup(at, strcspn(at, "(\r\n"));
	} else if (strcmp(r->word, "ESEARCH") == 0) {
		r->text = imap_esearch(at, end);
		r->kind = r->text != NULL ? IMAP_SEARCH : IMAP_SKIP;
	} else if (strcmp(r->word, "LIST") == 0) {
		r->kind = IMAP_LIST;
	} else if (strcmp(r->word, "STATUS") == 0) {
		r->kind = IMAP_STATUS;
	} else if (strcmp(r->word, "QUOTA") == 0 && imap_quota(at, end, &r->quota)) {
		r->kind = IMAP_QUOTA;
		r->text = imap_unquote(at, end);
	} else if (strcmp(r->word, "ENABLED") == 0) {
		r->kind = IMAP_ENABLED;
		r->text = g_strndup(at, strcspn(at, "\r\n"));
	} else if (strcmp(r->word, "VANISHED") == 0) {
		r->kind = IMAP_VANISHED_UIDS;
		r->text = imap_vanished(at, end, &r->earlier);
	}
}

/* --- what is libetpan's ----------------------------------------------------------------------- */

static void point_to_data(struct imap_resp *r, const struct mailimap_response_data *d)
{
	const struct mailimap_mailbox_data *box;

	if (r->kind == IMAP_FETCH && d->rsp_type == MAILIMAP_RESP_DATA_TYPE_MESSAGE_DATA) {
		r->fetch = d->rsp_data.rsp_message_data->mdt_msg_att;
	} else if (d->rsp_type == MAILIMAP_RESP_DATA_TYPE_MAILBOX_DATA) {
		box = d->rsp_data.rsp_mailbox_data;
		if (r->kind == IMAP_LIST && box->mbd_type == MAILIMAP_MAILBOX_DATA_LIST)
			r->list = box->mbd_data.mbd_list;
		if (r->kind == IMAP_STATUS && box->mbd_type == MAILIMAP_MAILBOX_DATA_STATUS)
			r->status = box->mbd_data.mbd_status;
	}
	if (r->fetch == NULL && r->list == NULL && r->status == NULL)
		r->kind = IMAP_SKIP;
}

const char *imap_skip_string(const char *at, const char *end)
{
	if (at < end && at[0] == '{') {
		guint64 n = g_ascii_strtoull(at + 1, NULL, 10);

		at = memchr(at, '\n', (size_t)(end - at));
		return at != NULL && n < (guint64)(end - at) ? at + 1 + n : NULL;
	}
	if (at < end && at[0] == '"') {
		for (at++; at < end && *at != '"'; at++)
			at += *at == '\\';
		return at < end ? at + 1 : NULL;
	}
	while (at < end && *at != ' ' && *at != '\r' && *at != '\n')
		at++;
	return at;
}

/* LIST's extended data (RFC 5258) is unknown to libetpan: where the name in front of it ends, 0
 * where there is none. */
static size_t list_end(const char *s, size_t len)
{
	const char *end = s + len, *at = memmem(s, len, ") ", 2);

	at = at != NULL ? imap_skip_string(at + 2, end) : NULL; /* the delimiter */
	at = at != NULL && at < end && *at == ' ' ? imap_skip_string(at + 1, end) : NULL;
	return at != NULL && at < end && *at == ' ' ? (size_t)(at - s) : 0;
}

char *imap_unquote(const char *at, const char *end)
{
	const char *behind = imap_skip_string(at, end);
	GString *s;

	if (behind == NULL)
		return g_strdup("");
	if (at[0] == '{') {
		at = (const char *)memchr(at, '\n', (size_t)(behind - at)) + 1;
		return g_strndup(at, (gsize)(behind - at));
	}
	if (at[0] != '"')
		return g_strndup(at, (gsize)(behind - at));
	s = g_string_new(NULL);
	for (at++; at < behind - 1; at++) {
		at += *at == '\\';
		g_string_append_c(s, *at);
	}
	return g_string_free(s, FALSE);
}

/* libetpan gives up a STATUS that says SIZE, and leaves some names in their quotes. */
static void take_status(struct imap_parser *p)
{
	const char *at = p->text->str, *end = at + p->text->len, *from, *to;

	for (int word = 0; word < 2; word++) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	g_free(p->resp.text);
	p->resp.text = imap_unquote(at, end);
	p->resp.has_size = imap_status_size(at, end, &p->resp.size, &from, &to);
	if (!p->resp.has_size)
		return;
	memmove(p->text->str + (from - p->text->str), to, (size_t)(end - to));
	mmap_string_truncate(p->text, p->text->len - (size_t)(to - from));
}

static void parse_data(struct imap_parser *p, const char *response, size_t len)
{
	size_t cut = p->resp.kind == IMAP_LIST ? list_end(response, len) : 0;
	size_t index = 0;

	mmap_string_truncate(p->text, 0);
	mmap_string_append_len(p->text, response, cut > 0 ? cut : len);
	if (cut > 0)
		mmap_string_append(p->text, "\r\n");
	if (p->resp.kind == IMAP_STATUS)
		take_status(p);
	if (mailimap_response_data_parse(NULL, p->text, p->context, &index, &p->data, 0, NULL) ==
		MAILIMAP_NO_ERROR)
		point_to_data(&p->resp, p->data);
	else
		p->resp.kind = IMAP_SKIP;
}

static void never_null(char **s)
{
	if (*s == NULL)
		*s = g_strdup("");
}

const struct imap_resp *imap_parse(struct imap_parser *p, const char *response, size_t len)
{
	clear(p);
	sort_out(&p->resp, response, response + len);
	never_null(&p->resp.tag);
	never_null(&p->resp.word);
	never_null(&p->resp.code);
	never_null(&p->resp.text);
	if (p->resp.kind == IMAP_FETCH || p->resp.kind == IMAP_LIST || p->resp.kind == IMAP_STATUS)
		parse_data(p, response, len);
	return &p->resp;
}

uint64_t imap_code_number(const char *code, const char *word)
{
	size_t n = strlen(word);

	if (g_ascii_strncasecmp(code, word, n) != 0 || code[n] != ' ')
		return 0;
	return g_ascii_strtoull(code + n + 1, NULL, 10);
}

void imap_status(const struct mailimap_mailbox_data_status *status, int att, uint32_t *value)
{
	if (status->st_info_list == NULL)
		return;
	for (clistiter *c = clist_begin(status->st_info_list); c != NULL; c = clist_next(c)) {
		const struct mailimap_status_info *info = clist_content(c);

		if (info->st_att == att)
			*value = info->st_value;
	}
}

/* --- FETCH ------------------------------------------------------------------------------------ */

static unsigned flag_of(const struct mailimap_flag *flag)
{
	switch (flag->fl_type) {
	case MAILIMAP_FLAG_ANSWERED:
		return BZ_FLAG_ANSWERED;
	case MAILIMAP_FLAG_FLAGGED:
		return BZ_FLAG_FLAGGED;
	case MAILIMAP_FLAG_DELETED:
		return BZ_FLAG_DELETED;
	case MAILIMAP_FLAG_SEEN:
		return BZ_FLAG_SEEN;
	case MAILIMAP_FLAG_DRAFT:
		return BZ_FLAG_DRAFT;
	case MAILIMAP_FLAG_KEYWORD:
		return flag->fl_data.fl_keyword != NULL &&
				       g_ascii_strcasecmp(flag->fl_data.fl_keyword, "$Forwarded") ==
					       0
			       ? BZ_FLAG_FORWARDED
			       : 0;
	default:
		return 0;
	}
}

static void item_flags(const struct mailimap_msg_att_dynamic *dynamic, struct imap_item *item)
{
	item->has_flags = true;
	if (dynamic->att_list == NULL)
		return;
	for (clistiter *c = clist_begin(dynamic->att_list); c != NULL; c = clist_next(c)) {
		const struct mailimap_flag_fetch *f = clist_content(c);

		if (f->fl_type == MAILIMAP_FLAG_FETCH_OTHER && f->fl_flag != NULL)
			item->flags |= flag_of(f->fl_flag);
	}
}

static bool is_within(int n, int most)
{
	return n >= 0 && n <= most;
}

static int64_t seconds_of(const struct mailimap_date_time *d)
{
	struct tm tm = {.tm_year = d->dt_year - 1900,
		.tm_mon = d->dt_month - 1,
		.tm_mday = d->dt_day,
		.tm_hour = d->dt_hour,
		.tm_min = d->dt_min,
		.tm_sec = d->dt_sec};

	if (d->dt_year < 1970 || d->dt_year > 9999 || d->dt_month < 1 || d->dt_month > 12 ||
		!is_within(d->dt_day, 31) || !is_within(d->dt_hour, 24) ||
		!is_within(d->dt_min, 60) || !is_within(d->dt_sec, 60) ||
		!is_within(abs(d->dt_zone), 2400))
		return INT64_MIN;
	return (int64_t)timegm(&tm) - (d->dt_zone / 100 * 3600 + d->dt_zone % 100 * 60);
}

static void item_static(const struct mailimap_msg_att_static *s, struct imap_item *item)
{
	switch (s->att_type) {
	case MAILIMAP_MSG_ATT_UID:
		item->uid = s->att_data.att_uid;
		break;
	case MAILIMAP_MSG_ATT_RFC822_SIZE:
		item->has_size = true;
		item->size = s->att_data.att_rfc822_size;
		break;
	case MAILIMAP_MSG_ATT_INTERNALDATE:
		if (s->att_data.att_internal_date != NULL)
			item->received = seconds_of(s->att_data.att_internal_date);
		break;
	case MAILIMAP_MSG_ATT_BODYSTRUCTURE:
		item->structure = s->att_data.att_bodystructure;
		break;
	default:
		break;
	}
}

void imap_item(const struct mailimap_msg_att *att, struct imap_item *item)
{
	*item = (struct imap_item){.received = INT64_MIN};
	for (clistiter *c = clist_begin(att->att_list); c != NULL; c = clist_next(c)) {
		const struct mailimap_msg_att_item *i = clist_content(c);

		if (i->att_type == MAILIMAP_MSG_ATT_ITEM_DYNAMIC)
			item_flags(i->att_data.att_dyn, item);
		else if (i->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC)
			item_static(i->att_data.att_static, item);
	}
}

/* --- sections of a body ----------------------------------------------------------------------- */

static void add_msgtext(GString *name, const struct mailimap_section_msgtext *text)
{
	if (name->len > 0)
		g_string_append_c(name, '.');
	switch (text->sec_type) {
	case MAILIMAP_SECTION_MSGTEXT_HEADER:
		g_string_append(name, "HEADER");
		break;
	case MAILIMAP_SECTION_MSGTEXT_TEXT:
		g_string_append(name, "TEXT");
		break;
	default:
		g_string_append(name, "HEADER.FIELDS");
	}
}

static char *section_name(const struct mailimap_section *section)
{
	const struct mailimap_section_spec *spec = section != NULL ? section->sec_spec : NULL;
	GString *name = g_string_new(NULL);

	if (spec != NULL && spec->sec_type == MAILIMAP_SECTION_SPEC_SECTION_MSGTEXT) {
		add_msgtext(name, spec->sec_data.sec_msgtext);
	} else if (spec != NULL) {
		const struct mailimap_section_part *part = spec->sec_data.sec_part;

		for (clistiter *c = clist_begin(part->sec_id); c != NULL; c = clist_next(c))
			g_string_append_printf(name, "%s%u", name->len > 0 ? "." : "",
				*(uint32_t *)clist_content(c));
		if (spec->sec_text != NULL &&
			spec->sec_text->sec_type == MAILIMAP_SECTION_TEXT_MIME)
			g_string_append(name, ".MIME");
		else if (spec->sec_text != NULL && spec->sec_text->sec_msgtext != NULL)
			add_msgtext(name, spec->sec_text->sec_msgtext);
	}
	return g_string_free(name, FALSE);
}

const char *imap_section(const struct mailimap_msg_att *att, const char *name, size_t *len)
{
	for (clistiter *c = clist_begin(att->att_list); c != NULL; c = clist_next(c)) {
		const struct mailimap_msg_att_item *i = clist_content(c);
		const struct mailimap_msg_att_body_section *s;
		g_autofree char *here = NULL;

		if (i->att_type != MAILIMAP_MSG_ATT_ITEM_STATIC ||
			i->att_data.att_static->att_type != MAILIMAP_MSG_ATT_BODY_SECTION)
			continue;
		s = i->att_data.att_static->att_data.att_body_section;
		here = section_name(s->sec_section);
		if (strcmp(here, name) == 0) {
			*len = s->sec_body_part != NULL ? s->sec_length : 0;
			return s->sec_body_part != NULL ? s->sec_body_part : "";
		}
	}
	return NULL;
}
