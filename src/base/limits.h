/* Every bound on what comes from outside, in one place. */
#ifndef KILN_BASE_LIMITS_H
#define KILN_BASE_LIMITS_H

#define LIMIT_MANIFEST_BYTES \
	((size_t)4 << 20) /* a manifest or index; SPEC distribution: at least 4 MiB */
#define LIMIT_CONFIG_BYTES            ((size_t)8 << 20) /* an image configuration */
#define LIMIT_CONFIG_ITEMS            100000 /* entries of all lists and maps of an image configuration */
#define LIMIT_CONFIG_ENV              4096  /* variables of an image configuration */
#define LIMIT_CONFIG_HISTORY          10000 /* history entries of an image configuration */
#define LIMIT_JSON_DEPTH              32    /* nesting of a document from outside */
#define LIMIT_MANIFEST_LAYERS         1000
#define LIMIT_INDEX_MANIFESTS         1000
#define LIMIT_IMAGE_LAYERS            127 /* layers that a step can run on */
#define LIMIT_NAME_BYTES              255 /* host and repository of a reference */
#define LIMIT_DOCKERFILE_BYTES        ((size_t)1 << 20)
#define LIMIT_DOCKERFILE_INSTRUCTIONS 10000
#define LIMIT_DOCKERFILE_STAGES       1000
#define LIMIT_DOCKERFILE_WORDS        100000            /* words of all instructions together */
#define LIMIT_EXPANSION_BYTES         ((size_t)1 << 20) /* one word with its variables replaced */
#define LIMIT_EXPANSION_DEPTH         32                /* ${} inside ${} */
#define LIMIT_DOCKERIGNORE_BYTES      ((size_t)1 << 20)
#define LIMIT_PATH_BYTES              4096
#define LIMIT_CONTEXT_FILES           4000000ul
#define LIMIT_TAR_META_BYTES          ((size_t)1 << 20)     /* one pax or GNU long-name record */
#define LIMIT_LAYER_ENTRIES           4000000ul             /* files of one layer */
#define LIMIT_LAYER_BYTES             ((uint64_t)256 << 30) /* one layer, unpacked */
#define LIMIT_INFLATE_RATIO           1100ul                /* deflate cannot exceed 1032 : 1 */
#define LIMIT_INFLATE_FREE            ((uint64_t)8 << 30) /* a layer may unpack to it at any ratio */
#define LIMIT_ELF_SECTIONS            4096 /* of a program, looked through for its attributes */
#define LIMIT_ELF_ATTRIBUTES_BYTES    4096 /* build attributes of a program; 30 to 80 as a rule */
#define LIMIT_HTTP_BODY_BYTES         ((size_t)16 << 20) /* an answer that is not a blob */
#define LIMIT_HTTP_HEADER_BYTES       ((size_t)64 << 10) /* all header fields of one answer */
#define LIMIT_HTTP_ERROR_BYTES        ((size_t)64 << 10) /* the body of a refusal; cut there */
#define LIMIT_URL_BYTES               16384
#define LIMIT_TOKEN_BYTES             ((size_t)64 << 10)
#define LIMIT_REFERRERS_BYTES         ((size_t)8 << 20) /* one answer: two manifests' annotations */

/* auth */
#define LIMIT_AUTHORIZATION_BYTES ((size_t)8 << 10) /* an Authorization header */
#define LIMIT_USER_NAME_BYTES     64
#define LIMIT_PASSWORD_LEAST      12 /* characters, where one is set */
#define LIMIT_PASSWORD_BYTES      1024
#define LIMIT_TOKEN_NAME_BYTES    64
#define LIMIT_USER_TOKENS         200
#define LIMIT_WORKER_TOKENS       1000
#define LIMIT_USER_SESSIONS       100 /* of the console; a new one ends the one unused for longest */
#define LIMIT_LEASE_S             30  /* of a worker, unless set otherwise */
#define LIMIT_SESSION_IDLE_S      604800  /* 7 days, unless set otherwise */
#define LIMIT_SESSION_LIFE_S      2592000 /* 30 days, likewise */
#define LIMIT_USER_AGENT_BYTES    256
#define LIMIT_NAMESPACE_GRANTS    10000
#define LIMIT_REGISTRY_TOKEN      4095 /* characters; headers and cookies jars take that */
#define LIMIT_TOKEN_SCOPES        32
#define LIMIT_AUDIT_DETAIL_BYTES  ((size_t)64 << 10)
/* catalog */
#define LIMIT_NAMESPACE_BYTES   120
#define LIMIT_SUMMARY_CHARS     100 /* of an image repository */
#define LIMIT_DESCRIPTION_BYTES ((size_t)16 << 10)
#define LIMIT_HELD_ROWS         2000000 /* tags, manifests and references that retention looks at */
/* registry */
#define LIMIT_SCOPES            LIMIT_TOKEN_SCOPES /* of one token; more are left out */
#define LIMIT_SCOPE_NAMES_BYTES 2400               /* of their names: tokens are headers */
#define LIMIT_TOKEN_FORM_BYTES  ((size_t)64 << 10) /* POST /token */
/* source/webhook*.c, pipeline/delivery.c, api/hooks.c */
#define LIMIT_WEBHOOK_BYTES          ((size_t)25 << 20) /* one payload: what GitHub sends at most */
#define LIMIT_WEBHOOK_GATHERED_BYTES ((size_t)256 << 20) /* payloads that arrive at once */
#define LIMIT_WEBHOOK_CHANGES        10000 /* refs of one payload; more: all refs are looked at */
#define LIMIT_WEBHOOK_REF_BYTES      512
#define LIMIT_WEBHOOK_KEY_BYTES      200 /* a provider's delivery id, an event's name, a pusher's */
#define LIMIT_DELIVERIES             900 /* remembered per source */
#define LIMIT_DELIVERIES_REFUSED     100 /* the same, of those that were refused */
/* pipeline: endpoints */
#define LIMIT_ENDPOINTS                   20 /* of one image repository */
#define LIMIT_ENDPOINT_URL_BYTES          2048
#define LIMIT_NOTIFICATIONS               1000 /* remembered per endpoint */
#define LIMIT_NOTIFICATION_ATTEMPTS       20   /* remembered per notification */
#define LIMIT_STATUS_CONTEXT_BYTES        100  /* of the name of a commit's status */
#define LIMIT_NOTIFICATION_RESPONSE_BYTES 4096 /* of an answer that are remembered */
/* worker */
#define LIMIT_WORKER_CONTEXT_BYTES ((uint64_t)16 << 30) /* a build context, unpacked */
#define LIMIT_WORKER_JOB_BYTES     ((size_t)1 << 20)    /* what a lease says */
/* pipeline: logs */
#define LIMIT_LOG_LINE_BYTES   ((size_t)16 << 10)  /* longer ones go on in the next line */
#define LIMIT_LOG_FRAME_LINES  4096                /* of one frame of a log's file */
#define LIMIT_LOG_FRAME_BYTES  ((size_t)256 << 10) /* its text, a newline behind each line */
#define LIMIT_LOG_BATCH_LINES  8192                /* appended at once; more are several batches */
#define LIMIT_LOG_BATCH_BYTES  ((size_t)1 << 20)
#define LIMIT_LOG_TAIL_BYTES   ((size_t)4 << 20) /* of the file of what is not in a frame yet */
#define LIMIT_LOG_FRAMES       4000000ul
#define LIMIT_LOG_PAGE_LINES   10000
#define LIMIT_LOG_PAGE_BYTES   ((size_t)1 << 20)
#define LIMIT_LOG_SEARCH_BYTES 1000   /* a text or expression that is looked for */
#define LIMIT_LOG_SEARCH_MS    5000   /* a whole search */
#define LIMIT_LOG_SEARCH_STEPS 100000 /* of one expression in one line */
/* Build rules */
#define LIMIT_RULES              100 /* of one image repository */
#define LIMIT_PATTERN_BYTES      512 /* a name or an expression */
#define LIMIT_PATTERN_DEPTH      50  /* brackets inside brackets */
#define LIMIT_PATTERN_STEPS      50000
#define LIMIT_PATTERN_BACKTRACKS 5000
#define LIMIT_PATTERN_KIB        4096 /* memory of one match */
#define LIMIT_REF_BYTES          1024 /* a longer name of a ref matches no rule */
#define LIMIT_TEMPLATE_BYTES     512
#define LIMIT_RULE_PATH_BYTES    1024
#define LIMIT_RULE_ARG_BYTES     4096 /* the value of a build argument */
#define LIMIT_PREVIEW_REFS       100000
#define LIMIT_PREVIEW_ENTRIES    20000 /* refs times rules */
#define LIMIT_PREVIEW_CONFLICTS  10    /* of one ref and rule */
#define LIMIT_PREVIEW_MS         5000
/* Schedules */
#define LIMIT_SCHEDULES       100 /* of one image repository */
#define LIMIT_CRON_BYTES      256
#define LIMIT_ZONE_NAME_BYTES 64
#define LIMIT_ZONE_BYTES      ((size_t)64 << 10) /* a file of a time zone; none has 4 KiB */
/* base images */
#define LIMIT_BASES_ASKED 500 /* names that are asked for together */
/* retention */
#define LIMIT_RETENTION_RULES  10
#define LIMIT_RETENTION_NEVER  50 /* patterns of tags that are never touched */
#define LIMIT_RETENTION_NEWEST 10000
#define LIMIT_RETENTION_DAYS   3650
#define LIMIT_RETENTION_MS     3000 /* for matching all tags */

#endif
