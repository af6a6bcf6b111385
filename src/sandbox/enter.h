/* The user namespace in which every build runs, whoever starts it.
 *
 * sandbox_enter() forks. The parent stays outside as the supervisor: it writes the id maps (root:
 * every id as it is; an ordinary user: root inside is the user, 1… are the ids of /etc/subuid and
 * /etc/subgid, by newuidmap and newgidmap), passes SIGTERM and SIGINT on, and never returns: it
 * exits with the child's code. The child returns as process 1 of new user, mount, PID, IPC and
 * cgroup namespaces, still single-threaded, with all capabilities there and the network of the
 * host. It dies with the parent (and all below with it), whatever kills it, so a killed build
 * leaves no mount and no process. */
#ifndef KILN_SANDBOX_ENTER_H
#define KILN_SANDBOX_ENTER_H

#include "base/err.h"

/* Call before the first thread. In the child: NULL. In the parent: returns only when nothing was
 * started, with an error that names the command that mends it: user namespaces off (sysctl names),
 * AppArmor's restriction, no subordinate ids for an ordinary user
 * ("usermod --add-subuids …"), newuidmap missing. With one id only (`*single_id`), builds whose
 * files have other owners fail later. */
struct err *sandbox_enter(bool *single_id);

#endif
