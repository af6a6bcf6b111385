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

#endif
