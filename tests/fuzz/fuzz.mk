# Fuzz targets with libFuzzer, ASan and UBSan; needs no configure:
#   make -f tests/fuzz/fuzz.mk CC=clang             build build-fuzz/fuzz_*
#   build-fuzz/fuzz_mime -max_total_time=180 DIR tests/fuzz/seeds/mime
TOP := $(patsubst %/tests/fuzz/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
CC = clang
OUT = $(TOP)/build-fuzz
MODULES = glib-2.0 gio-2.0 gmodule-2.0 gmime-3.0 sqlite3 libxml-2.0 libidn2 json-glib-1.0 openssl zlib libetpan
FLAGS = -std=gnu11 -g -O1 -D_GNU_SOURCE -DLOCALEDIR='"/nowhere"' -I$(TOP) -pthread \
	-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all
PACKAGES := $(shell pkg-config --cflags $(MODULES))
LIBS := $(filter-out -specs=%,$(shell pkg-config --libs $(MODULES)))
SOURCES := $(filter-out $(TOP)/src/main.c $(TOP)/src/cli%,$(wildcard $(TOP)/src/*.c $(TOP)/net/*.c))
OBJECTS := $(SOURCES:$(TOP)/%.c=$(OUT)/%.o)
TARGETS := $(patsubst $(TOP)/tests/fuzz/%.c,$(OUT)/%,$(wildcard $(TOP)/tests/fuzz/fuzz_*.c))

all: $(TARGETS)

$(OUT)/fuzz_%: $(TOP)/tests/fuzz/fuzz_%.c $(OBJECTS)
	$(CC) $(FLAGS) $(PACKAGES) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(OUT)/%.o: $(TOP)/%.c $(wildcard $(TOP)/src/*.h $(TOP)/net/*.h)
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(PACKAGES) -fsanitize=fuzzer-no-link -c -o $@ $<

clean:
	rm -rf $(OUT)

.PHONY: all clean
.SECONDARY: $(OBJECTS)
