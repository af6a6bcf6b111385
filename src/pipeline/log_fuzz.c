/* Frames and tails of a log from a file that anybody may have changed. */
#include "pipeline/log_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_n((const char *)data, size);
	struct log_frame f = { 0 };
	struct log_tail t;
	size_t end;
	struct err *e = log_tail_read(in, &t, &end);
	if (!e)
		log_tail_done(&t);
	err_free(e);
	if (size < LOG_HEAD_BYTES)
		return 0;
	own(log_block) b = NULL;
	err_free(log_frame_head(in.p, 0, &f));
	/* Past the head's sum: sizes as they come. */
	f.n = 1 + data[0] % 64;
	f.text_len = f.n + data[1];
	err_free(log_frame_unpack(&f, str_skip(in, LOG_HEAD_BYTES), &b));
	return 0;
}
