# The short commands; Meson and Ninja do the work. `make help` lists them.
BUILD ?= build

.PHONY: all help setup demo demo-stop check bench install clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) kiln

help:
	@echo "make            build $(BUILD)/kiln"
	@echo "make demo       install what is needed, build, and show the main job"
	@echo "make demo-stop  stop the server that the demo left running"
	@echo "make check      install what tests need, build, run all tests"
	@echo "make bench      measure, beside the limits and peers"
	@echo "make install    install below PREFIX (default /usr/local)"
	@echo "make clean      remove $(BUILD)/, the demo's data too"

setup:
	@tools/install-packages build

$(BUILD)/build.ninja: | setup
	@meson setup $(BUILD) --prefix $(or $(PREFIX),/usr/local) >/dev/null

demo: all
	@tools/install-packages run
	@tools/demo $(BUILD)

demo-stop:
	@tools/demo --stop $(BUILD)

check: all
	@tools/install-packages run test
	@tools/check $(BUILD)

bench: all
	@tools/install-packages run test
	@tests/bench/run $(BUILD)

install: all
	@$(if $(PREFIX),meson configure $(BUILD) -Dprefix=$(PREFIX))
	@ninja -C $(BUILD) manual
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

# Layers hold files of other ids, which belong to their owner inside a user namespace only.
clean:
	@tools/demo --stop $(BUILD)
	@rm -rf $(BUILD) 2>/dev/null || unshare --map-root-user --map-auto rm -rf $(BUILD)
