#include "registry/server_test.h"

TEST(manifests_come_back_as_they_were_sent)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "team/app");
	own_mem char *text = image("first", ",\"unknown\": [ 1,  2 ]");
	struct str body = str_of(text);
	struct oci_digest_text d = digest_of(body);
	done(raw_answer) put = PUT_MANIFEST(&f, "team/app/manifests/v1",
					    OCI_TYPE_MANIFEST "; charset=utf-8", body, 201, NULL);
	own_mem char *location = mem_printf("/v2/team/app/manifests/%s", d.s);
	EXPECT_STR(str_of(raw_header(&put, "Location")), location);
	own_mem char *by_digest = mem_printf("GET %s", location);
	const char *const requests[] = { "GET /v2/team/app/manifests/v1", by_digest };
	for (size_t i = 0; i < 4; i++) { /* twice each: the second is prepared */
		done(raw_answer) a = ask(&f, requests[i / 2]);
		EXPECT(a.status == 200);
		EXPECT_STR(str_n(a.body, a.len), text);
		EXPECT_STR(str_of(raw_header(&a, "Content-Type")), OCI_TYPE_MANIFEST);
		EXPECT_STR(str_of(raw_header(&a, "Docker-Content-Digest")), d.s);
	}
	done(raw_answer) head = ask(&f, "HEAD /v2/team/app/manifests/v1");
	EXPECT(head.status == 200 && (size_t)atoi(raw_header(&head, "Content-Length")) == body.len);
	own_mem char *known = mem_printf("If-None-Match: \"%s\"\r\n", d.s);
	done(raw_answer) same = ask_with(&f, requests[0], known, STR(""));
	EXPECT(same.status == 304);
	done(raw_answer) other = ask_with(&f, requests[0], "If-None-Match: \"x\"\r\n", STR(""));
	EXPECT(other.status == 200);
	EXPECT_STATUS(&f, "GET /v2/team/app/manifests/v1?ns=docker.io", 200);
	stop(&f);
}

TEST(unknown_manifests_are_not_found)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "a");
	own_mem char *text = image("x", "");
	push_image(&f, "a/manifests/there", str_of(text));
	own_mem char *get = mem_printf("GET /v2/a/manifests/%s", digest_of(STR("x")).s);
	EXPECT_REFUSED(&f, "GET /v2/nobody/manifests/v1", 404, "NAME_UNKNOWN");
	EXPECT_REFUSED(&f, "GET /v2/a/manifests/v1", 404, "MANIFEST_UNKNOWN");
	EXPECT_REFUSED(&f, "GET /v2/a/manifests/.INVALID_MANIFEST_NAME", 404, "errors");
	EXPECT_STATUS(&f, "HEAD /v2/a/manifests/.INVALID_MANIFEST_NAME", 404);
	EXPECT_REFUSED(&f, get, 404, "MANIFEST_UNKNOWN");
	EXPECT_REFUSED(&f, "GET /v2/a/manifests/sha256:totallywrong", 400, "DIGEST_INVALID");
	done(raw_answer) with_body =
		ask_with(&f, "GET /v2/a/manifests/sha256:totallywrong", "", STR("body"));
	EXPECT(with_body.status == 400);
	stop(&f);
}

TEST(bad_manifests_are_refused)
{
	struct fixture f;
	start(&f);
	own_mem char *text = image("x", ""), *large = mem_zalloc(LIMIT_MANIFEST_BYTES + 2);
	struct str body = str_of(text);
	memset(large, ' ', LIMIT_MANIFEST_BYTES + 1);
	own_mem char *by_digest = mem_printf("a/manifests/%s", digest_of(STR("other")).s);
	const struct {
		const char *target, *type;
		struct str body;
		int status;
		const char *part;
	} cases[] = {
		{ "a/manifests/v1", OCI_TYPE_MANIFEST, body, 400, "MANIFEST_BLOB_UNKNOWN" },
		{ "a/manifests/sha256:baddigeststring", OCI_TYPE_MANIFEST, body, 400,
		  "DIGEST_INVALID" },
		{ by_digest, OCI_TYPE_MANIFEST, body, 400, "DIGEST_INVALID" },
		{ "a/manifests/.bad", OCI_TYPE_MANIFEST, body, 400, "TAG_INVALID" },
		{ "a/manifests/v1", OCI_TYPE_INDEX, body, 400, "MANIFEST_INVALID" },
		{ "a/manifests/v1", "text/plain", body, 400, "MANIFEST_INVALID" },
		{ "a/manifests/v1", OCI_TYPE_MANIFEST, STR("{"), 400, "MANIFEST_INVALID" },
		{ "a/manifests/v1", OCI_TYPE_MANIFEST, STR(""), 400, "MANIFEST_INVALID" },
		{ "a/manifests/v1", OCI_TYPE_MANIFEST, str_n(large, LIMIT_MANIFEST_BYTES + 1), 413,
		  "MANIFEST_INVALID" },
		{ "A/manifests/v1", OCI_TYPE_MANIFEST, body, 400, "NAME_INVALID" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		done(raw_answer) a = PUT_MANIFEST(&f, cases[i].target, cases[i].type, cases[i].body,
						  cases[i].status, cases[i].part);
	}
	/* one error for each that is missing */
	done(raw_answer) a = PUT_MANIFEST(&f, "a/manifests/v1", OCI_TYPE_MANIFEST, body, 400, NULL);
	EXPECT(strstr(a.body, digest_of(CONFIG).s) && strstr(a.body, digest_of(LAYER).s));
	/* and no length tells beforehand */
	own_mem char *head = mem_printf("PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: a\r\n"
					"Content-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
					"%zx\r\n",
					OCI_TYPE_MANIFEST, LIMIT_MANIFEST_BYTES + 1);
	own_fd fd = raw_connect(f.address);
	EXPECT(raw_say(fd, head) && raw_send(fd, large, LIMIT_MANIFEST_BYTES + 1) &&
	       raw_say(fd, "\r\n0\r\n\r\n"));
	done(raw_answer) b = raw_read(fd, false);
	EXPECT(b.status == 413);
	stop(&f);
}

TEST(a_link_without_its_bytes_is_not_enough)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "a");
	own_mem char *text = image("n", "");
	struct oci_digest layer = oci_digest_of_bytes(LAYER.p, LAYER.len);
	EXPECT_OK(blob_store_remove(f.store, &layer));
	done(raw_answer) a = PUT_MANIFEST(&f, "a/manifests/v1", OCI_TYPE_MANIFEST, str_of(text),
					  400, "MANIFEST_BLOB_UNKNOWN");
	EXPECT(strstr(a.body, digest_of(LAYER).s));
	push_parts(&f, "a");
	push_image(&f, "a/manifests/v1", str_of(text));
	stop(&f);
}

TEST(a_large_manifest_is_taken)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "a");
	own_mem char *note = mem_zalloc(3900001);
	memset(note, 'n', 3900000);
	own_mem char *text = image(note, "");
	push_image(&f, "a/manifests/large", str_of(text));
	done(raw_answer) a = ask(&f, "GET /v2/a/manifests/large");
	EXPECT(a.status == 200 && strcmp(a.body, text) == 0);
	stop(&f);
}

TEST(a_moved_tag_is_seen_at_once)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "a");
	for (int i = 0; i < 40; i++) {
		char note[16];
		(void)snprintf(note, sizeof(note), "%d", i);
		own_mem char *text = image(note, "");
		push_image(&f, "a/manifests/latest", str_of(text));
		for (int again = 0; again < 3; again++) {
			done(raw_answer) a = ask(&f, "GET /v2/a/manifests/latest");
			EXPECT(a.status == 200 && strcmp(a.body, text) == 0);
		}
		own_mem char *old = mem_printf("GET /v2/a/manifests/%s", digest_of(str_of(text)).s);
		EXPECT_STATUS(&f, old, 200); /* and stays, when the tag has moved on */
	}
	EXPECT_STATUS(&f, "DELETE /v2/a/manifests/latest", 202);
	EXPECT_STATUS(&f, "GET /v2/a/manifests/latest", 404);
	stop(&f);
}

struct reader {
	struct fixture *f;
	unsigned n_ok;
};

static void *read_often(void *arg)
{
	struct reader *r = arg;
	own_fd fd = raw_connect(r->f->address);
	for (int i = 0; i < 400; i++) {
		if (!raw_say(fd, "GET /v2/a/manifests/latest HTTP/1.1\r\nHost: a\r\n\r\n"))
			break;
		done(raw_answer) a = raw_read(fd, false);
		r->n_ok += a.status == 200 && !a.closed;
	}
	return NULL;
}

TEST(readers_and_a_writer_do_not_disturb_each_other)
{
	struct fixture f;
	pthread_t t[6];
	struct reader r[6];
	start(&f);
	push_parts(&f, "a");
	own_mem char *first = image("first", "");
	push_image(&f, "a/manifests/latest", str_of(first));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		r[i] = (struct reader){ .f = &f };
		EXPECT_OK(thread_start(&t[i], "reader", read_often, &r[i]));
	}
	for (int i = 0; i < 20; i++) {
		char note[16];
		(void)snprintf(note, sizeof(note), "%d", i);
		own_mem char *text = image(note, "");
		push_image(&f, "a/manifests/latest", str_of(text));
	}
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		pthread_join(t[i], NULL);
		EXPECT(r[i].n_ok == 400);
	}
	stop(&f);
}

TEST(a_push_by_digest_sets_tags)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "a");
	own_mem char *text = image("x", "");
	struct oci_digest_text d = sha512_text(str_of(text));
	own_mem char *target = mem_printf("a/manifests/%s?tag=one&tag=two&tag=v%%2D3", d.s);
	done(raw_answer) put = PUT_MANIFEST(&f, target, NULL, str_of(text), 201, NULL);
	EXPECT(strstr(put.head, "OCI-Tag: one\r\n") && strstr(put.head, "OCI-Tag: two\r\n"));
	EXPECT_STR(str_of(raw_header(&put, "Docker-Content-Digest")), d.s);
	done(raw_answer) a = ask(&f, "GET /v2/a/manifests/v-3");
	EXPECT(a.status == 200);
	EXPECT_STR(str_of(raw_header(&a, "Docker-Content-Digest")), d.s);
	own_mem char *bad = mem_printf("a/manifests/%s?tag=-x", d.s);
	done(raw_answer) b = PUT_MANIFEST(&f, bad, NULL, str_of(text), 400, "TAG_INVALID");
	stop(&f);
}

TEST(tags_and_repositories_are_listed_by_pages)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "team/b");
	push_parts(&f, "team/a");
	own_mem char *text = image("x", "");
	push_image(&f, "team/b/manifests/b", str_of(text));
	push_image(&f, "team/a/manifests/b", str_of(text));
	push_image(&f, "team/a/manifests/a", str_of(text));
	push_image(&f, "team/a/manifests/C", str_of(text));
	done(raw_answer) all = ask(&f, "GET /v2/team/a/tags/list");
	EXPECT_STR(str_of(all.body), "{\"name\":\"team/a\",\"tags\":[\"C\",\"a\",\"b\"]}");
	EXPECT_STR(str_of(raw_header(&all, "Link")), "");
	done(raw_answer) two = ask(&f, "GET /v2/team/a/tags/list?n=2");
	EXPECT_STR(str_of(two.body), "{\"name\":\"team/a\",\"tags\":[\"C\",\"a\"]}");
	EXPECT_STR(str_of(raw_header(&two, "Link")),
		   "</v2/team/a/tags/list?n=2&last=a>; rel=\"next\"");
	done(raw_answer) rest = ask(&f, "GET /v2/team/a/tags/list?n=1&last=a");
	EXPECT_STR(str_of(rest.body), "{\"name\":\"team/a\",\"tags\":[\"b\"]}");
	EXPECT_STR(str_of(raw_header(&rest, "Link")), "");
	done(raw_answer) none = ask(&f, "GET /v2/team/a/tags/list?n=0");
	EXPECT_STR(str_of(none.body), "{\"name\":\"team/a\",\"tags\":[]}");
	EXPECT_STR(str_of(raw_header(&none, "Link")), "");
	EXPECT_STATUS(&f, "GET /v2/team/a/tags/list?n=99999999999999", 200);
	EXPECT_STATUS(&f, "GET /v2/team/a/tags/list?n=x", 400);
	EXPECT_STATUS(&f, "GET /v2/team/a/tags/list?n=-1", 400);
	EXPECT_REFUSED(&f, "GET /v2/nobody/tags/list", 404, "NAME_UNKNOWN");
	done(raw_answer) names = ask(&f, "GET /v2/_catalog?n=1");
	EXPECT_STR(str_of(names.body), "{\"repositories\":[\"team/a\"]}");
	EXPECT_STR(str_of(raw_header(&names, "Link")),
		   "</v2/_catalog?n=1&last=team/a>; rel=\"next\"");
	stop(&f);
}

TEST(deletes)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "a");
	own_mem char *text = image("x", "");
	push_image(&f, "a/manifests/one", str_of(text));
	push_image(&f, "a/manifests/two", str_of(text));
	own_mem char *by_digest =
		mem_printf("DELETE /v2/a/manifests/%s", digest_of(str_of(text)).s);
	own_mem char *get = mem_printf("GET /v2/a/manifests/%s", digest_of(str_of(text)).s);
	own_mem char *blob = mem_printf("DELETE /v2/a/blobs/%s", digest_of(LAYER).s);
	own_mem char *head = mem_printf("HEAD /v2/a/blobs/%s", digest_of(LAYER).s);
	EXPECT_STATUS(&f, "DELETE /v2/a/manifests/one", 202);
	EXPECT_STATUS(&f, "DELETE /v2/a/manifests/one", 404);
	EXPECT_STATUS(&f, get, 200);
	EXPECT_STATUS(&f, "GET /v2/a/manifests/two", 200);
	EXPECT_STATUS(&f, by_digest, 202);
	EXPECT_STATUS(&f, by_digest, 404);
	EXPECT_STATUS(&f, get, 404);
	EXPECT_STATUS(&f, "GET /v2/a/manifests/two", 404);
	EXPECT_STATUS(&f, blob, 202);
	EXPECT_STATUS(&f, head, 404);
	EXPECT_STATUS(&f, blob, 404);
	EXPECT_STATUS(&f, "DELETE /v2/a/blobs/sha256:x", 404);
	stop(&f);
}

static char *referrer(const char *subject, const char *type, const char *note)
{
	own_mem char *more = mem_printf(",\"artifactType\":\"%s\",\"subject\":{\"mediaType\":"
					"\"" OCI_TYPE_MANIFEST "\",\"digest\":\"%s\",\"size\":7}",
					type, subject);
	return image(note, more);
}

/* SPEC distribution-spec "Listing Referrers" */
TEST(referrers_are_listed)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "a");
	struct oci_digest_text subject = digest_of(STR("subject"));
	own_mem char *sbom = referrer(subject.s, "application/sbom+json", "one");
	own_mem char *sig = referrer(subject.s, "application/sig", "two");
	own_mem char *list = mem_printf("GET /v2/a/referrers/%s", subject.s);
	own_mem char *nowhere = mem_printf("GET /v2/nobody/referrers/%s", subject.s);
	done(raw_answer) none = ask(&f, nowhere);
	EXPECT(none.status == 200);
	EXPECT_STR(str_of(raw_header(&none, "Content-Type")), OCI_TYPE_INDEX);
	EXPECT_STR(str_of(none.body),
		   "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":[]}");
	EXPECT_STATUS(&f, "GET /v2/a/referrers/sha256:x", 400);
	done(raw_answer) put =
		PUT_MANIFEST(&f, "a/manifests/sbom", OCI_TYPE_MANIFEST, str_of(sbom), 201, NULL);
	EXPECT_STR(str_of(raw_header(&put, "OCI-Subject")), subject.s);
	push_image(&f, "a/manifests/sig", str_of(sig));
	done(raw_answer) both = ask(&f, list);
	EXPECT(strstr(both.body, digest_of(str_of(sbom)).s) &&
	       strstr(both.body, digest_of(str_of(sig)).s));
	EXPECT(strstr(both.body, "\"annotations\":{\"note\":\"one\"}"));
	EXPECT_STR(str_of(raw_header(&both, "OCI-Filters-Applied")), "");
	static const char *const spellings[] = { "application/sbom+json",
						 "application%2Fsbom%2Bjson" };
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		own_mem char *only = mem_printf("%s?artifactType=%s", list, spellings[i]);
		done(raw_answer) one = ask(&f, only);
		EXPECT(strstr(one.body, digest_of(str_of(sbom)).s) &&
		       !strstr(one.body, digest_of(str_of(sig)).s));
		EXPECT_STR(str_of(raw_header(&one, "OCI-Filters-Applied")), "artifactType");
	}
	own_mem char *any = mem_printf("%s?artifactType=application/sbom+json&"
				       "artifactType=application/sig",
				       list);
	done(raw_answer) two = ask(&f, any);
	EXPECT(strstr(two.body, "sbom") && strstr(two.body, "application/sig"));
	stop(&f);
}

TEST(large_lists_of_referrers_come_in_pages)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "a");
	struct oci_digest_text subject = digest_of(STR("subject"));
	own_mem char *note = mem_zalloc(1500001);
	for (char c = 'a'; c < 'f'; c++) {
		memset(note, c, 1500000);
		own_mem char *text = referrer(subject.s, "application/x", note);
		own_mem char *target = mem_printf("a/manifests/%s", digest_of(str_of(text)).s);
		push_image(&f, target, str_of(text));
	}
	own_mem char *next = mem_printf("/v2/a/referrers/%s?artifactType=application/x", subject.s);
	int pages = 0, found = 0;
	while (next[0] && pages < 9) {
		own_mem char *request = mem_printf("GET %s", next);
		done(raw_answer) a = ask(&f, request);
		EXPECT(a.status == 200 && a.len < LIMIT_MANIFEST_BYTES);
		for (char *p = a.body; (p = strstr(p, "\"digest\"")); p++)
			found++;
		const char *link = raw_header(&a, "Link");
		free(next);
		next = link[0] ? mem_strndup(link + 1, strcspn(link + 1, ">")) : mem_strdup("");
		pages++;
	}
	EXPECT(found == 5 && pages == 3);
	stop(&f);
}

TEST(the_fallback_tag_is_merged_into_the_referrers)
{
	struct fixture f;
	start(&f);
	push_parts(&f, "a");
	struct oci_digest_text subject = digest_of(STR("subject"));
	own_mem char *text = image("pushed without a subject", "");
	push_image(&f, "a/manifests/x", str_of(text));
	own_mem char *index = mem_printf(
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":[{"
		"\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,"
		"\"artifactType\":\"application/old\"}]}",
		digest_of(str_of(text)).s, strlen(text));
	own_mem char *target = mem_printf("a/manifests/sha256-%s", subject.s + 7);
	done(raw_answer) put = PUT_MANIFEST(&f, target, OCI_TYPE_INDEX, str_of(index), 201, NULL);
	own_mem char *list = mem_printf("GET /v2/a/referrers/%s", subject.s);
	done(raw_answer) a = ask(&f, list);
	EXPECT(strstr(a.body, digest_of(str_of(text)).s) && strstr(a.body, "application/old"));
	stop(&f);
}
