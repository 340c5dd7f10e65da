/* How a message lies in bodies.db: pieces. What bodies.c (the file) and bodies_piece.c share. */
#ifndef BZ_BODIES_PRIVATE_H
#define BZ_BODIES_PRIVATE_H

#include "src/message.h"

/* The first has path "": headers and structure. Then a content each, by the part's path. */
struct bz_piece {
	char *path;
	GBytes *data;
};
GPtrArray *bz_pieces_new(void);
/* data is taken. */
void bz_pieces_add(GPtrArray *pieces, const char *path, GBytes *data);
/* A checksum over all of it; the caller frees. */
char *bz_pieces_sum(const GPtrArray *pieces);

GPtrArray *bz_pieces_of(const struct bz_message *message);
/* The message again; NULL where the pieces are none of bz_pieces_of. */
struct bz_message *bz_pieces_message(const GPtrArray *pieces);

#endif
