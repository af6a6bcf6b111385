/* The schema, step by step. A step that was released never changes: a change is a new step.
 *
 * SQL is what SQLite and PostgreSQL both accept: TEXT and BIGINT, keys by name, no generated
 * numbers. Text is compared bytewise, so a PostgreSQL database has the collation "C". Times are
 * nanoseconds since 1970, UTC. Digests are text, "sha256:…".
 *
 * SQLite's user_version repeats the newest number of schema_version, so that opening costs no table
 * access. */
#include "db/db_priv.h"

#include <stdio.h>

#include "base/time.h"

static const char catalog_sql[] =
	"CREATE TABLE repository ("
	"  name TEXT PRIMARY KEY,"
	"  created_ns BIGINT NOT NULL);"

	"CREATE TABLE manifest ("
	"  repository TEXT NOT NULL REFERENCES repository (name),"
	"  digest TEXT NOT NULL,"
	"  media_type TEXT NOT NULL,"
	"  size BIGINT NOT NULL,"
	"  artifact_type TEXT," /* as a referrer shows it */
	"  annotations TEXT,"   /* a JSON object */
	"  subject TEXT,"       /* a digest; the manifest may be absent */
	"  created_ns BIGINT NOT NULL,"
	"  PRIMARY KEY (repository, digest));"
	"CREATE INDEX manifest_subject ON manifest (repository, subject, digest)"
	"  WHERE subject IS NOT NULL;"

	"CREATE TABLE manifest_reference ("
	"  repository TEXT NOT NULL,"
	"  manifest TEXT NOT NULL,"
	"  position BIGINT NOT NULL," /* in the document: the configuration, then the layers */
	"  kind TEXT NOT NULL,"       /* blob, manifest, foreign (a blob that may be absent) */
	"  digest TEXT NOT NULL,"
	"  PRIMARY KEY (repository, manifest, position),"
	"  FOREIGN KEY (repository, manifest) REFERENCES manifest (repository, digest)"
	"    ON DELETE CASCADE);"
	"CREATE INDEX manifest_reference_digest ON manifest_reference (digest, repository);"

	"CREATE TABLE tag ("
	"  repository TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  digest TEXT NOT NULL,"
	"  created_ns BIGINT NOT NULL,"
	"  updated_ns BIGINT NOT NULL,"
	"  PRIMARY KEY (repository, name),"
	"  FOREIGN KEY (repository, digest) REFERENCES manifest (repository, digest)"
	"    ON DELETE CASCADE);"
	"CREATE INDEX tag_digest ON tag (repository, digest);"

	/* a push links blobs before its first manifest makes the repository */
	"CREATE TABLE repository_blob ("
	"  repository TEXT NOT NULL,"
	"  digest TEXT NOT NULL,"
	"  size BIGINT NOT NULL,"
	"  linked_ns BIGINT NOT NULL,"
	"  PRIMARY KEY (repository, digest));"
	"CREATE INDEX repository_blob_digest ON repository_blob (digest);";

static const char step_cache_sql[] = "CREATE TABLE step_cache ("
				     "  key TEXT PRIMARY KEY,"
				     "  kind TEXT NOT NULL,"
				     "  diff_id TEXT,"
				     "  blob_digest TEXT,"
				     "  media_type TEXT,"
				     "  blob_size BIGINT,"
				     "  created_ns BIGINT NOT NULL,"
				     "  inputs TEXT NOT NULL,"
				     "  used_ns BIGINT NOT NULL);";

/* what the programs in a layer are built for, a JSON array; NULL: there are none */
static const char programs_sql[] = "ALTER TABLE step_cache ADD COLUMN programs TEXT;";

/* what a COPY took from a build context, so that its next miss can name what changed */
static const char copied_sql[] =
	"CREATE TABLE copied_tree ("
	"  key TEXT PRIMARY KEY," /* SHA-256 of the origin, a line feed, the step's inputs */
	"  tree TEXT NOT NULL," /* per entry: 16 hexadecimal digits, a blank, the path, a line feed
				 */
	"  used_ns BIGINT NOT NULL);"
	"CREATE INDEX copied_tree_used ON copied_tree (used_ns);";

/* which repositories have an image; whether a blob is a manifest of any */
static const char holders_sql[] = "CREATE INDEX manifest_digest ON manifest (digest, repository);";

/* the image that a FROM led to: of steps that are a base image */
static const char base_sql[] = "ALTER TABLE build_step ADD COLUMN base TEXT;";

const struct db_migration db_migrations[] = {
	{ "0001 repositories", catalog_sql },
	{ "0002 step cache", step_cache_sql },
	{ "0003 programs of a step", programs_sql },
	{ "0004 users, tokens, roles, audit", db_access_sql },
	{ "0005 namespaces and image repositories", db_namespace_sql },
	{ "0006 code sources", db_source_sql },
	{ "0007 build rules, builds, workers", db_build_sql },
	{ "0008 files of a copy", copied_sql },
	{ "0009 sessions of the console", db_session_sql },
	{ "0010 builds of a delivery", db_delivery_sql },
	{ "0011 audit log by user and target", db_audit_sql },
	{ "0012 manifests by digest", holders_sql },
	{ "0013 builds by time", db_created_sql },
	{ "0014 digests of base images", base_sql },
	{ "0015 schedules", db_schedule_sql },
	{ "0016 retention", db_retention_sql },
	{ "0017 endpoints and notifications", db_endpoint_sql },
	{ "0018 watched base images", db_base_sql },
	{ "0019 commit status", db_status_sql },
};
const size_t db_n_migrations = ARRAY_LEN(db_migrations);

static bool see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return false;
}

static struct err *schema_version(struct db_conn *c, int64_t *version)
{
	*version = 0;
	return db_conn_run(c, "PRAGMA user_version", DB_NO_PARAMS, see_int, version);
}

/* In a transaction: another process may have run the step while we waited for it. */
static struct err *migrate_one(struct db_conn *c, const struct db_migration *m, int64_t number)
{
	int64_t version;
	TRY(schema_version(c, &version));
	if (version >= number)
		return NULL;
	TRY(db_conn_script(c, "CREATE TABLE IF NOT EXISTS schema_version ("
			      "  version BIGINT PRIMARY KEY,"
			      "  name TEXT NOT NULL,"
			      "  applied_ns BIGINT NOT NULL)"));
	TRY(db_conn_script(c, m->sql));
	TRY(db_conn_run(
		c, "INSERT INTO schema_version (version, name, applied_ns) VALUES ($1, $2, $3)",
		DB_PARAMS(db_int(number), db_cstr(m->name), db_int(time_now_unix_ns())), NULL,
		NULL));
	char text[64]; /* a pragma takes no parameters */
	snprintf(text, sizeof(text), "PRAGMA user_version = %lld", (long long)number);
	return db_conn_script(c, text);
}

struct err *db_migrate(struct db_conn *c, const struct db_migration *list, size_t n)
{
	int64_t version;
	TRY(schema_version(c, &version));
	for (size_t i = version < 0 ? 0 : (size_t)version; i < n; i++) {
		TRY(db_conn_script(c, "BEGIN IMMEDIATE"));
		struct err *e = migrate_one(c, &list[i], (int64_t)i + 1);
		if (!e)
			e = db_conn_script(c, "COMMIT");
		if (e) {
			if (!sqlite3_get_autocommit(c->h))
				err_free(db_conn_script(c, "ROLLBACK"));
			return err_wrap(e, "migration %s", list[i].name);
		}
	}
	TRY(schema_version(c, &version));
	if (version > (int64_t)n)
		return err_new(
			ERR_CONFLICT,
			"it was written by a newer kiln (schema %lld, this one knows %zu): use "
			"that version, or another directory with --data",
			(long long)version, n);
	return NULL;
}
