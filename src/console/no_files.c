/* A build without the console. */
#include "console/console.h"

const struct console_file console_files[1];
const size_t console_n_files = 0;
