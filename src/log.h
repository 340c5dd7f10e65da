/* The log file: rotating, cleaned, never a secret. Any thread. */
#ifndef BZ_LOG_H
#define BZ_LOG_H

enum bz_log_level { BZ_LOG_ERROR, BZ_LOG_WARN, BZ_LOG_INFO, BZ_LOG_DEBUG };

/* Open PATH (0600, rotated at 1 MiB to PATH.1); NULL = the default in the state folder. GLib's and
 * libxml2's messages go there too: nothing may reach stderr while curses runs. 0 or -1 (errno). */
int bz_log_open(const char *path);
void bz_log_close(void);

/* One line: time, level, thread, text. Control characters are made visible. The caller passes no
 * password, no SASL step, no message body. */
void bz_log(enum bz_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
