/* The schema of the build service: who may do what, image repositories, code sources, build rules
 * and builds. Rules of db/migrations.c. Flags are 0 or 1; lists are JSON arrays in TEXT. */
#include "db/db_priv.h"

const char db_access_sql[] =
	"CREATE TABLE user_account ("
	"  id TEXT PRIMARY KEY," /* usr-… */
	"  name TEXT NOT NULL UNIQUE,"
	"  password_hash TEXT," /* argon2id, encoded; NULL: no login by password */
	"  is_admin BIGINT NOT NULL,"
	"  disabled BIGINT NOT NULL,"
	"  created_ns BIGINT NOT NULL,"
	"  updated_ns BIGINT NOT NULL);"

	"CREATE TABLE access_token ("
	"  id TEXT PRIMARY KEY,"                                         /* tok-… */
	"  kind TEXT NOT NULL,"                                          /* user, worker */
	"  user_id TEXT REFERENCES user_account (id) ON DELETE CASCADE," /* NULL: a worker's */
	"  name TEXT NOT NULL,"
	"  secret_hash TEXT NOT NULL UNIQUE," /* sha256 of 256 random bits, hexadecimal */
	"  role TEXT,"                        /* the most it may; NULL: what its user may */
	"  namespace TEXT,"                   /* the only one it reaches; NULL: all */
	"  pool TEXT,"                        /* of a worker */
	"  expires_ns BIGINT,"                /* NULL: never */
	"  created_ns BIGINT NOT NULL,"
	"  used_ns BIGINT);"
	"CREATE INDEX access_token_user ON access_token (user_id);"

	"CREATE TABLE role_grant ("
	"  user_id TEXT NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,"
	"  namespace TEXT NOT NULL,"
	"  repository TEXT NOT NULL," /* the name below the namespace; '': the whole namespace */
	"  role TEXT NOT NULL,"       /* view, develop, maintain, admin */
	"  created_ns BIGINT NOT NULL,"
	"  PRIMARY KEY (user_id, namespace, repository));"
	"CREATE INDEX role_grant_namespace ON role_grant (namespace, repository);"

	"CREATE TABLE audit_log ("
	"  seq BIGINT PRIMARY KEY,"
	"  time_ns BIGINT NOT NULL,"
	"  actor TEXT NOT NULL,"    /* a user's name; worker:NAME; system; anonymous */
	"  remote TEXT NOT NULL,"   /* address; '' where there is none */
	"  action TEXT NOT NULL,"   /* repository.create */
	"  target TEXT NOT NULL,"   /* demo/hello */
	"  detail TEXT NOT NULL);"; /* a JSON object, without secrets */

const char db_audit_sql[] = /* a page of one user, of one target */
	"CREATE INDEX audit_log_actor ON audit_log (actor, seq);"
	"CREATE INDEX audit_log_target ON audit_log (target, seq);";

const char db_namespace_sql[] =
	"CREATE TABLE namespace ("
	"  id TEXT PRIMARY KEY," /* crn-… */
	"  name TEXT NOT NULL UNIQUE,"
	"  auto_create BIGINT NOT NULL," /* a push makes the image repository */
	"  default_type TEXT NOT NULL,"  /* of such ones: PUBLIC, PRIVATE */
	"  created_ns BIGINT NOT NULL,"
	"  updated_ns BIGINT NOT NULL);"

	"CREATE TABLE image_repository ("
	"  id TEXT PRIMARY KEY," /* crr-… */
	"  namespace TEXT NOT NULL REFERENCES namespace (name),"
	"  name TEXT NOT NULL,"             /* below the namespace; may hold slashes */
	"  full_name TEXT NOT NULL UNIQUE," /* namespace/name: repository.name, once pushed to */
	"  type TEXT NOT NULL,"             /* PUBLIC, PRIVATE */
	"  immutable BIGINT NOT NULL,"      /* no tag but latest is moved */
	"  accelerated BIGINT NOT NULL,"
	"  summary TEXT NOT NULL,"
	"  description TEXT NOT NULL,"
	"  created_ns BIGINT NOT NULL,"
	"  updated_ns BIGINT NOT NULL);"
	"CREATE INDEX image_repository_namespace ON image_repository (namespace, name);";

const char db_source_sql[] =
	"CREATE TABLE code_source ("
	"  id TEXT PRIMARY KEY," /* crcs-… */
	"  namespace TEXT NOT NULL REFERENCES namespace (name),"
	"  name TEXT NOT NULL,"
	"  provider TEXT NOT NULL,"   /* GITHUB … GIT; KILN: our own Git remote */
	"  url TEXT NOT NULL,"        /* '' for KILN */
	"  credential TEXT NOT NULL," /* none, password, ssh */
	"  username TEXT NOT NULL,"
	"  secret TEXT,"               /* sealed: password, token, or private key */
	"  ssh_public_key TEXT,"       /* of the deploy key */
	"  ssh_host_key TEXT,"         /* known_hosts line, kept from the first connection */
	"  hook_secret TEXT NOT NULL," /* sealed */
	"  hook_secret_before TEXT,"   /* sealed; valid beside it after a rotation */
	"  submodules BIGINT NOT NULL,"
	"  depth BIGINT NOT NULL,"         /* 0: the whole history */
	"  allow_private BIGINT NOT NULL," /* private addresses may be asked */
	"  poll_s BIGINT NOT NULL,"        /* 0: never */
	"  next_poll_ns BIGINT NOT NULL,"
	"  last_poll_ns BIGINT,"
	"  last_error TEXT,"
	"  n_failures BIGINT NOT NULL,"
	"  created_ns BIGINT NOT NULL,"
	"  updated_ns BIGINT NOT NULL,"
	"  UNIQUE (namespace, name));"

	"CREATE TABLE source_ref ("
	"  source_id TEXT NOT NULL REFERENCES code_source (id) ON DELETE CASCADE,"
	"  name TEXT NOT NULL,"      /* refs/heads/main */
	"  object_id TEXT NOT NULL," /* what the ref names; an annotated tag's own id */
	"  commit_id TEXT NOT NULL," /* the commit behind it */
	"  seen_ns BIGINT NOT NULL,"
	"  PRIMARY KEY (source_id, name));"

	"CREATE TABLE webhook_delivery ("
	"  id TEXT PRIMARY KEY," /* whd-… */
	"  source_id TEXT NOT NULL REFERENCES code_source (id) ON DELETE CASCADE,"
	"  delivery_key TEXT NOT NULL," /* the provider's id of the delivery, or a hash */
	"  event TEXT NOT NULL,"
	"  outcome TEXT NOT NULL," /* accepted, ignored, refused, failed */
	"  detail TEXT NOT NULL,"
	"  changes TEXT NOT NULL,"    /* JSON: what it says of refs */
	"  pusher TEXT NOT NULL,"     /* as the provider names who pushed; '' unknown */
	"  n_builds BIGINT NOT NULL," /* that were made of it */
	"  received_ns BIGINT NOT NULL,"
	"  UNIQUE (source_id, delivery_key));"
	"CREATE INDEX webhook_delivery_time ON webhook_delivery (source_id, received_ns);";

const char db_delivery_sql[] =
	"CREATE TABLE delivery_build (" /* the builds that were made of what a delivery told */
	"  delivery_id TEXT NOT NULL REFERENCES webhook_delivery (id) ON DELETE CASCADE,"
	"  record_id TEXT NOT NULL REFERENCES build_record (id) ON DELETE CASCADE,"
	"  PRIMARY KEY (delivery_id, record_id));"
	"CREATE INDEX delivery_build_record ON delivery_build (record_id);";

const char db_build_sql[] =
	"CREATE TABLE repository_source (" /* what an image repository is built from */
	"  repository_id TEXT PRIMARY KEY REFERENCES image_repository (id) ON DELETE CASCADE,"
	"  source_id TEXT NOT NULL REFERENCES code_source (id),"
	"  auto_build BIGINT NOT NULL,"
	"  pool TEXT NOT NULL," /* of workers; '': the default one */
	"  no_cache BIGINT NOT NULL,"
	"  created_ns BIGINT NOT NULL,"
	"  updated_ns BIGINT NOT NULL);"
	"CREATE INDEX repository_source_source ON repository_source (source_id);"

	"CREATE TABLE build_rule ("
	"  id TEXT PRIMARY KEY," /* crbr-… */
	"  repository_id TEXT NOT NULL REFERENCES image_repository (id) ON DELETE CASCADE,"
	"  ref_type TEXT NOT NULL," /* GIT_BRANCH, GIT_TAG */
	"  pattern TEXT NOT NULL,"
	"  is_expression BIGINT NOT NULL,"
	"  dockerfile_dir TEXT NOT NULL," /* the context, relative, '' is the root */
	"  dockerfile_name TEXT NOT NULL,"
	"  tags TEXT NOT NULL," /* templates, 1 to 3 */
	"  platforms TEXT NOT NULL,"
	"  build_args TEXT NOT NULL," /* [["K","V"],…] */
	"  policy TEXT NOT NULL,"     /* all, required, best_effort */
	"  required TEXT NOT NULL,"   /* platforms */
	"  newer_push TEXT NOT NULL," /* cancel, wait: what a newer push does to an older build */
	"  priority BIGINT NOT NULL,"
	"  time_limit_s BIGINT NOT NULL,"
	"  emulation BIGINT NOT NULL," /* jobs may be emulated */
	"  enabled BIGINT NOT NULL,"
	"  created_ns BIGINT NOT NULL,"
	"  updated_ns BIGINT NOT NULL);"
	"CREATE INDEX build_rule_repository ON build_rule (repository_id, created_ns);"

	/* A build record keeps what it needs of its rule: rules change, records do not. */
	"CREATE TABLE build_record ("
	"  id TEXT PRIMARY KEY,"        /* a UUID */
	"  seq BIGINT NOT NULL UNIQUE," /* grows with every record: order of lists, cursors */
	"  repository_id TEXT NOT NULL REFERENCES image_repository (id) ON DELETE CASCADE,"
	"  rule_id TEXT,"               /* NULL once the rule is gone */
	"  source_id TEXT,"             /* NULL once the source is gone */
	"  trigger_kind TEXT NOT NULL," /* PUSH, MANUAL, API, RERUN, SCHEDULE, BASE_IMAGE */
	"  actor TEXT NOT NULL,"
	"  ref TEXT NOT NULL," /* refs/heads/main */
	"  commit_id TEXT NOT NULL,"
	"  pushed_ns BIGINT NOT NULL,"
	"  tags TEXT NOT NULL," /* made */
	"  dockerfile_dir TEXT NOT NULL,"
	"  dockerfile_name TEXT NOT NULL,"
	"  build_args TEXT NOT NULL,"
	"  no_cache BIGINT NOT NULL,"
	"  pool TEXT NOT NULL,"
	"  priority BIGINT NOT NULL,"
	"  policy TEXT NOT NULL,"
	"  required TEXT NOT NULL,"
	"  emulation BIGINT NOT NULL,"
	"  time_limit_s BIGINT NOT NULL,"
	"  status TEXT NOT NULL," /* PENDING, BUILDING, SUCCESS, FAILED, CANCELED */
	"  waits_for TEXT,"       /* an older record of the same ref and rule */
	"  rerun_of TEXT,"
	"  superseded_by TEXT,"
	"  canceled_by TEXT,"
	"  error_code TEXT,"
	"  error_text TEXT,"
	"  error_remedy TEXT,"
	"  digest TEXT," /* of the index, or of the only manifest */
	"  n_log_lines BIGINT NOT NULL,"
	"  created_ns BIGINT NOT NULL,"
	"  started_ns BIGINT,"
	"  ended_ns BIGINT);"
	"CREATE INDEX build_record_repository ON build_record (repository_id, seq);"
	/* who sees few repositories is asked about without reading the records */
	"CREATE INDEX build_record_seq ON build_record (seq, repository_id);"
	"CREATE INDEX build_record_status ON build_record (status, seq);"
	"CREATE INDEX build_record_rule ON build_record (rule_id, ref, seq);"
	"CREATE INDEX build_record_rule_seq ON build_record (rule_id, seq);"

	"CREATE TABLE build_job ("
	"  record_id TEXT NOT NULL REFERENCES build_record (id) ON DELETE CASCADE,"
	"  platform TEXT NOT NULL,"
	"  position BIGINT NOT NULL DEFAULT 0," /* in the rule's list of platforms, from 0 */
	"  state TEXT NOT NULL," /* queued, running, pushing, done, failed, canceled */
	"  attempt BIGINT NOT NULL,"
	"  worker_id TEXT,"
	"  lease_id TEXT,"
	"  native BIGINT,"
	"  media_type TEXT," /* of the manifest */
	"  digest TEXT,"
	"  size BIGINT,"
	"  error_code TEXT,"
	"  error_text TEXT,"
	"  error_remedy TEXT,"
	"  queued_ns BIGINT NOT NULL,"
	"  started_ns BIGINT,"
	"  ended_ns BIGINT,"
	"  PRIMARY KEY (record_id, platform));"
	"CREATE INDEX build_job_state ON build_job (state, record_id);"
	"CREATE INDEX build_job_lease ON build_job (lease_id);"

	"CREATE TABLE build_lease ("
	"  id TEXT PRIMARY KEY," /* lease-… */
	"  record_id TEXT NOT NULL REFERENCES build_record (id) ON DELETE CASCADE,"
	"  worker_id TEXT NOT NULL,"
	"  next_event BIGINT NOT NULL," /* number of the first event not yet taken */
	"  cancel BIGINT NOT NULL,"
	"  deadline_ns BIGINT NOT NULL," /* time limit of the build */
	"  expires_ns BIGINT NOT NULL);"
	"CREATE INDEX build_lease_record ON build_lease (record_id);"

	"CREATE TABLE build_step ("
	"  record_id TEXT NOT NULL REFERENCES build_record (id) ON DELETE CASCADE,"
	"  lease_id TEXT NOT NULL,"
	"  step BIGINT NOT NULL," /* number in the log, from 1, over all leases of the record */
	"  line BIGINT NOT NULL," /* of the Dockerfile; 0: a base image */
	"  stage TEXT NOT NULL,"
	"  text TEXT NOT NULL,"
	"  platforms TEXT NOT NULL,"
	"  state TEXT NOT NULL," /* waiting, running, done, cached, failed, canceled */
	"  started_ms BIGINT,"
	"  ended_ms BIGINT,"
	"  cache_reason TEXT,"
	"  digest TEXT,"
	"  size BIGINT,"
	"  PRIMARY KEY (record_id, step));"

	"CREATE TABLE worker ("
	"  id TEXT PRIMARY KEY," /* wrk-… */
	"  name TEXT NOT NULL UNIQUE,"
	"  token_id TEXT NOT NULL,"   /* another token cannot take the name */
	"  embedded BIGINT NOT NULL," /* it ends with the server */
	"  pool TEXT NOT NULL,"
	"  platforms TEXT NOT NULL," /* [{"platform":…,"native":…},…] */
	"  slots BIGINT NOT NULL,"
	"  version TEXT NOT NULL,"
	"  draining BIGINT NOT NULL,"
	"  first_seen_ns BIGINT NOT NULL,"
	"  last_seen_ns BIGINT NOT NULL);";

/* builds are counted by day, and the records are not read for it */
const char db_created_sql[] =
	"CREATE INDEX build_record_created ON build_record"
	"  (created_ns, repository_id, status, started_ns, ended_ns, rerun_of);";

const char db_session_sql[] =
	"CREATE TABLE web_session ("
	"  id TEXT PRIMARY KEY," /* ses-… */
	"  user_id TEXT NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,"
	"  secret_hash TEXT NOT NULL UNIQUE," /* sha256 of 256 random bits, hexadecimal */
	"  remote TEXT NOT NULL,"             /* the address it was last used from */
	"  user_agent TEXT NOT NULL,"         /* of the sign-in */
	"  created_ns BIGINT NOT NULL,"
	"  used_ns BIGINT NOT NULL);"
	"CREATE INDEX web_session_user ON web_session (user_id);";

const char db_schedule_sql[] =
	"CREATE TABLE build_schedule ("
	"  id TEXT PRIMARY KEY," /* crbs-… */
	"  repository_id TEXT NOT NULL REFERENCES image_repository (id) ON DELETE CASCADE,"
	"  rule_id TEXT NOT NULL REFERENCES build_rule (id) ON DELETE CASCADE,"
	"  ref TEXT NOT NULL," /* refs/heads/main; '': the rule's own name */
	"  cron TEXT NOT NULL,"
	"  time_zone TEXT NOT NULL,"
	"  enabled BIGINT NOT NULL,"
	"  no_cache BIGINT NOT NULL,"
	"  next_run_ns BIGINT," /* NULL: switched off */
	"  last_run_ns BIGINT,"
	"  last_state TEXT," /* started, skipped, failed */
	"  last_code TEXT,"  /* why it was not started */
	"  last_text TEXT,"
	"  last_remedy TEXT,"
	"  last_build TEXT," /* the newest record that it started; may be gone */
	"  created_ns BIGINT NOT NULL,"
	"  updated_ns BIGINT NOT NULL);"
	"CREATE INDEX build_schedule_repository ON build_schedule (repository_id, created_ns);"
	"CREATE INDEX build_schedule_rule ON build_schedule (rule_id);"
	"CREATE INDEX build_schedule_next ON build_schedule (next_run_ns);";

/* When a tag was pushed last, also to where it was already; NULL: at updated_ns. When a manifest
 * was pushed last, or a tag left it; NULL: at created_ns. Then what goes by itself. */
const char db_retention_sql[] =
	"ALTER TABLE tag ADD COLUMN pushed_ns BIGINT;"
	"ALTER TABLE manifest ADD COLUMN used_ns BIGINT;"
	"CREATE TABLE retention_policy ("
	"  repository_id TEXT PRIMARY KEY REFERENCES image_repository (id) ON DELETE CASCADE,"
	"  revision BIGINT NOT NULL," /* grows with every change of what follows */
	"  enabled BIGINT NOT NULL,"
	"  policy TEXT NOT NULL,"    /* as the API has it */
	"  next_ns BIGINT NOT NULL," /* when it is carried out next, if it is enabled */
	/* a run that has begun, and not ended; NULL: there is none */
	"  run_started_ns BIGINT,"
	"  run_by TEXT NOT NULL," /* '': by itself */
	"  run_tags BIGINT NOT NULL,"
	"  run_manifests BIGINT NOT NULL,"
	"  run_blobs BIGINT NOT NULL,"
	/* the last one that ended; NULL: there was none */
	"  last_started_ns BIGINT,"
	"  last_ended_ns BIGINT,"
	"  last_by TEXT NOT NULL,"
	"  last_tags BIGINT NOT NULL,"
	"  last_manifests BIGINT NOT NULL,"
	"  last_blobs BIGINT NOT NULL,"
	"  last_error_code TEXT,"
	"  last_error TEXT,"
	"  updated_ns BIGINT NOT NULL);"
	"CREATE INDEX retention_policy_next ON retention_policy (next_ns);";

/* whom the events of a repository are told, and what they were told */
const char db_endpoint_sql[] =
	"CREATE TABLE endpoint ("
	"  id TEXT PRIMARY KEY," /* whe-… */
	"  repository_id TEXT NOT NULL REFERENCES image_repository (id) ON DELETE CASCADE,"
	"  url TEXT NOT NULL,"
	"  format TEXT NOT NULL," /* cloudevents, slack */
	"  events TEXT NOT NULL," /* build.failed, … */
	"  secret TEXT,"          /* sealed; NULL: nothing is signed */
	"  secret_before TEXT,"   /* sealed; signs beside it for a day */
	"  rotated_ns BIGINT,"    /* when that began */
	"  enabled BIGINT NOT NULL,"
	"  off_reason TEXT,"            /* why kiln switched it off */
	"  n_failures BIGINT NOT NULL," /* attempts in a row that failed */
	"  last_ns BIGINT,"             /* the last attempt, and what came of it */
	"  last_status BIGINT,"
	"  last_error TEXT,"
	"  created_ns BIGINT NOT NULL,"
	"  updated_ns BIGINT NOT NULL);"
	"CREATE INDEX endpoint_repository ON endpoint (repository_id, created_ns);"

	"CREATE TABLE notification ("
	"  id TEXT PRIMARY KEY,"        /* whn-…; the receiver's webhook-id */
	"  seq BIGINT NOT NULL UNIQUE," /* order of lists, cursors */
	"  endpoint_id TEXT NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,"
	"  event TEXT NOT NULL,"
	"  subject TEXT NOT NULL," /* a build's id, or a tag */
	"  content_type TEXT NOT NULL,"
	"  body TEXT NOT NULL,"   /* as it is sent */
	"  result TEXT NOT NULL," /* waiting, delivered, failed */
	"  n_attempts BIGINT NOT NULL,"
	"  n_tries BIGINT NOT NULL," /* the same, since somebody asked to send it again */
	"  next_ns BIGINT,"          /* when it is to be sent; NULL: it is not */
	"  created_ns BIGINT NOT NULL,"
	"  ended_ns BIGINT);"
	"CREATE INDEX notification_next ON notification (next_ns, endpoint_id)"
	"  WHERE next_ns IS NOT NULL;"
	"CREATE INDEX notification_endpoint ON notification (endpoint_id, seq);"

	"CREATE TABLE notification_attempt ("
	"  notification_id TEXT NOT NULL REFERENCES notification (id) ON DELETE CASCADE,"
	"  number BIGINT NOT NULL," /* from 1 */
	"  started_ns BIGINT NOT NULL,"
	"  took_ms BIGINT NOT NULL,"
	"  status BIGINT," /* NULL: no answer */
	"  error TEXT,"
	"  response TEXT NOT NULL," /* its first bytes */
	"  PRIMARY KEY (notification_id, number));"

	/* what happened to tags, until it is made into notifications */
	"CREATE TABLE tag_event ("
	"  seq BIGINT PRIMARY KEY,"
	"  repository_id TEXT NOT NULL REFERENCES image_repository (id) ON DELETE CASCADE,"
	"  event TEXT NOT NULL," /* tag.written, tag.deleted */
	"  tag TEXT NOT NULL,"
	"  digest TEXT NOT NULL," /* that it points at, or did */
	"  time_ns BIGINT NOT NULL);";

/* where the names of base images lead, and the builds that were started because that moved */
const char db_base_sql[] =
	"ALTER TABLE build_rule ADD COLUMN rebuild_on_base BIGINT NOT NULL DEFAULT 0;"
	"CREATE TABLE base_image ("
	"  scope TEXT NOT NULL," /* whose builds see it so: a namespace; '': all */
	"  name TEXT NOT NULL,"  /* as in FROM */
	"  digest TEXT,"         /* the newest that was seen; NULL: none yet */
	"  checked_ns BIGINT NOT NULL,"
	"  next_ns BIGINT NOT NULL,"
	"  n_failures BIGINT NOT NULL," /* in a row */
	"  error_code TEXT,"            /* of the last look; NULL: it went well */
	"  error_text TEXT,"
	"  error_remedy TEXT,"
	"  PRIMARY KEY (scope, name));"
	"CREATE INDEX base_image_name ON base_image (name);"

	"CREATE TABLE base_rebuild ("
	"  rule_id TEXT NOT NULL REFERENCES build_rule (id) ON DELETE CASCADE,"
	"  name TEXT NOT NULL,"
	"  digest TEXT NOT NULL," /* it is built once for this one */
	"  build_id TEXT,"        /* may be gone; NULL: none could be started */
	"  error_code TEXT,"      /* why not */
	"  error_text TEXT,"
	"  error_remedy TEXT,"
	"  started_ns BIGINT NOT NULL,"
	"  PRIMARY KEY (rule_id, name));"
	"CREATE INDEX build_rule_on_base ON build_rule (id) WHERE rebuild_on_base = 1;";

/* Whether the provider of a repository's code source is told the states of its commits, and what
 * came of the last report. Then the commits that are to be reported: what is told of one is looked
 * up when it is sent. */
const char db_status_sql[] =
	"CREATE TABLE commit_status ("
	"  repository_id TEXT PRIMARY KEY REFERENCES image_repository (id) ON DELETE CASCADE,"
	"  enabled BIGINT NOT NULL,"
	"  context TEXT NOT NULL," /* with {repository} */
	"  updated_ns BIGINT NOT NULL,"
	/* the last report; NULL: there was none */
	"  last_ns BIGINT,"
	"  last_commit TEXT,"
	"  last_build TEXT,"
	"  last_state TEXT,"  /* queued, running, success, failed, canceled */
	"  last_http BIGINT," /* NULL: no answer */
	"  last_error_code TEXT,"
	"  last_error TEXT," /* NULL: it went well */
	"  last_remedy TEXT);"

	"CREATE TABLE commit_report ("
	"  repository_id TEXT NOT NULL REFERENCES image_repository (id) ON DELETE CASCADE,"
	"  commit_id TEXT NOT NULL,"
	"  source_id TEXT NOT NULL REFERENCES code_source (id) ON DELETE CASCADE,"
	"  version BIGINT NOT NULL," /* grows when a build of the commit changes */
	"  n_tries BIGINT NOT NULL," /* since then */
	"  next_ns BIGINT NOT NULL,"
	"  PRIMARY KEY (repository_id, commit_id));"
	"CREATE INDEX commit_report_next ON commit_report (next_ns);"
	"CREATE INDEX build_record_commit ON build_record (repository_id, commit_id, seq);";
