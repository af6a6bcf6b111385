// The API as the server describes it, for those who write programs: by subject, searched by words, with a line for curl.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { Link, useLocation } from "react-router";
import { api, serverUrl } from "../../api";
import { useMe } from "../../session";
import { useParam } from "../../ui/cursor";
import { Facts, Page, Section } from "../../ui/page";
import { SearchField } from "../../ui/search";
import { Nothing, Shown } from "../../ui/states";
import { type Description, narrowed, type Subject, subjectsOf } from "./description";
import { OperationView } from "./operation";
import "./reference.css";
import { useText } from "./text";

function useDescription() {
  return useQuery({
    queryKey: ["openapi"],
    queryFn: ({ signal }) => api.get<Description>("openapi.json", signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

function HowToAsk() {
  const t = useText();
  const me = useMe();
  return (
    <Section title={t("reference.how")}>
      <Facts
        items={[
          [t("reference.address"), <code key="a">{serverUrl("api/v1/")}</code>],
          [t("reference.login"), <code key="l">Authorization: Bearer TOKEN</code>],
          [
            t("reference.file"),
            <a key="f" href={serverUrl("api/v1/openapi.json")}>
              openapi.json
            </a>,
          ],
        ]}
      />
      <p className="hint">
        {t("reference.capitals")} {me ? <Link to="/account" className="in-text">{t("reference.makeToken")}</Link> : null}
      </p>
    </Section>
  );
}

function SubjectView({ doc, subject }: { doc: Description; subject: Subject }) {
  return (
    <section className="section" aria-labelledby={`subject-${subject.name}`}>
      <h2 id={`subject-${subject.name}`} className="subject" lang="en">
        {subject.name}
      </h2>
      {subject.description ? (
        <p className="hint" lang="en">
          {subject.description}
        </p>
      ) : null}
      {subject.operations.map((operation) => (
        <OperationView key={operation.id} doc={doc} operation={operation} />
      ))}
    </section>
  );
}

function Operations({ doc }: { doc: Description }) {
  const t = useText();
  const [q] = useParam("q");
  const { hash, search } = useLocation();
  const all = useMemo(() => subjectsOf(doc), [doc]);
  const subjects = narrowed(all, q);
  const n = subjects.reduce((sum, subject) => sum + subject.operations.length, 0);
  useEffect(() => {
    document.getElementById(hash.slice(1))?.scrollIntoView();
  }, [hash]);
  return (
    <>
      <div className="toolbar">
        <SearchField label={t("reference.search")} />
        <span className="toolbar-link quiet" role="status">
          {t("reference.found", { n })}
        </span>
      </div>
      {subjects.length === 0 ? <Nothing title={t("reference.nothing")} /> : null}
      <nav aria-label={t("reference.subjects")} className="chips subjects">
        {subjects.map(({ name }) => (
          <Link key={name} to={{ search, hash: `subject-${name}` }} className="chip" lang="en">
            {name}
          </Link>
        ))}
      </nav>
      {subjects.map((subject) => (
        <SubjectView key={subject.name} doc={doc} subject={subject} />
      ))}
    </>
  );
}

export default function Reference() {
  const t = useText();
  const description = useDescription();
  return (
    <Page title={t("reference.title")} lead={t("reference.lead")}>
      <HowToAsk />
      <Shown query={description}>{(doc) => <Operations doc={doc} />}</Shown>
    </Page>
  );
}
