/* kiln user password */
#ifndef KILN_APP_PASSWORD_H
#define KILN_APP_PASSWORD_H

#include "app/options.h"

int user_password_command(const struct invocation *in);

#endif
