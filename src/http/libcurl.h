/* libcurl, loaded when the first URL is read. */
#ifndef KILN_HTTP_LIBCURL_H
#define KILN_HTTP_LIBCURL_H

#include <curl/curl.h>

#include "base/lazy.h"

/* clang-format off */
#define HTTP_LIBCURL_CALLS(DO) \
	DO(curl_easy_cleanup) DO(curl_easy_getinfo) DO(curl_easy_init) DO(curl_easy_reset) \
	DO(curl_easy_setopt) DO(curl_easy_strerror) DO(curl_free) DO(curl_global_init) \
	DO(curl_multi_add_handle) DO(curl_multi_cleanup) DO(curl_multi_info_read) \
	DO(curl_multi_init) DO(curl_multi_perform) DO(curl_multi_poll) \
	DO(curl_multi_remove_handle) DO(curl_slist_append) DO(curl_slist_free_all) DO(curl_url) \
	DO(curl_url_cleanup) DO(curl_url_get) DO(curl_url_set)
/* clang-format on */

extern struct http_libcurl {
	HTTP_LIBCURL_CALLS(LAZY_FIELD)
} http_libcurl;

/* Before the first call of any of them. */
struct err *http_libcurl_load(void);

/* Macros of curl.h that check the types of their arguments. */
#undef curl_easy_getinfo
#undef curl_easy_setopt
#define curl_easy_cleanup        http_libcurl.curl_easy_cleanup
#define curl_easy_getinfo        http_libcurl.curl_easy_getinfo
#define curl_easy_init           http_libcurl.curl_easy_init
#define curl_easy_reset          http_libcurl.curl_easy_reset
#define curl_easy_setopt         http_libcurl.curl_easy_setopt
#define curl_easy_strerror       http_libcurl.curl_easy_strerror
#define curl_free                http_libcurl.curl_free
#define curl_global_init         http_libcurl.curl_global_init
#define curl_multi_add_handle    http_libcurl.curl_multi_add_handle
#define curl_multi_cleanup       http_libcurl.curl_multi_cleanup
#define curl_multi_info_read     http_libcurl.curl_multi_info_read
#define curl_multi_init          http_libcurl.curl_multi_init
#define curl_multi_perform       http_libcurl.curl_multi_perform
#define curl_multi_poll          http_libcurl.curl_multi_poll
#define curl_multi_remove_handle http_libcurl.curl_multi_remove_handle
#define curl_slist_append        http_libcurl.curl_slist_append
#define curl_slist_free_all      http_libcurl.curl_slist_free_all
#define curl_url                 http_libcurl.curl_url
#define curl_url_cleanup         http_libcurl.curl_url_cleanup
#define curl_url_get             http_libcurl.curl_url_get
#define curl_url_set             http_libcurl.curl_url_set

#endif
