/* Who is behind the name of a host, looked up once and held to it: a name that means another
 * address a moment later (DNS rebinding) does not get there. */
#include "source/git_priv.h"

#include <netdb.h>

#include "http/url.h"

bool git_address_is_closed(const struct sockaddr *sa)
{
	return http_address_reach(sa) != HTTP_REACH_ALL;
}

static struct err *look(const struct addrinfo *list, const struct source_url *u, bool allow_private,
			struct git_address *out)
{
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		if (!allow_private && git_address_is_closed(a->ai_addr))
			return err_coded(ERR_DENIED, "SRC_ADDRESS",
					 "An administrator can allow private addresses for this "
					 "code source.",
					 "%s is an address of this machine or of a private network",
					 u->host);
	if (getnameinfo(list->ai_addr, list->ai_addrlen, out->text, sizeof(out->text), NULL, 0,
			NI_NUMERICHOST) != 0)
		return err_coded(ERR_UNAVAILABLE, "SRC_UNREACHABLE",
				 "Look at the host's name, and at the server's name service.",
				 "%s has no address", u->host);
	return NULL;
}

struct err *git_address_find(const struct source_url *u, bool allow_private,
			     struct git_address *out)
{
	struct str h = str_of(u->host);
	own_mem char *host =
		h.len > 2 && h.p[0] == '[' ? mem_strndup(h.p + 1, h.len - 2) : str_dup(h);
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int r = getaddrinfo(host, NULL, &hints, &list);
	if (r)
		return err_coded(ERR_UNAVAILABLE, "SRC_UNREACHABLE",
				 "Look at the host's name, and at the server's name service.",
				 "%s: %s", u->host, gai_strerror(r));
	struct err *e = look(list, u, allow_private, out);
	freeaddrinfo(list);
	return e;
}
