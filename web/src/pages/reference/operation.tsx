// One operation: a line that opens to all that is told of it.
import { useLocation } from "react-router";
import { serverUrl } from "../../api";
import type { Tone } from "../../ui/pill";
import { Table } from "../../ui/table";
import { Command, CopyButton } from "../../ui/values";
import { type Answer, type Body, curlOf, type Description, type Operation, type Parameter, textOf, typeOf } from "./description";
import { Folded, Limits, Members } from "./schema";
import { useText } from "./text";

function Parameters({ doc, items, of }: { doc: Description; items: Parameter[]; of: string }) {
  const t = useText();
  return (
    <Table
      caption={t("reference.parametersOf", { of })}
      rows={items}
      rowKey={(p) => `${p.in} ${p.name}`}
      columns={[
        { title: t("reference.name"), narrow: true, render: (p) => <code className="strong">{p.name}</code> },
        { title: t("reference.in"), narrow: true, render: (p) => <span lang="en">{p.in}</span> },
        { title: t("reference.needed"), narrow: true, render: (p) => t(p.required ? "reference.yes" : "reference.no") },
        {
          title: t("reference.value"),
          render: (p) => (
            <div className="member">
              <span lang="en">{typeOf(doc, p.schema)}</span>
              <Limits doc={doc} schema={p.schema} />
            </div>
          ),
        },
        { title: t("reference.means"), render: (p) => <span lang="en">{(p.description ?? textOf(doc, p.schema)) || "–"}</span> },
      ]}
    />
  );
}

function Bodies({ doc, items }: { doc: Description; items: Body[] }) {
  return items.map(({ type, schema }) => (
    <div key={type} className="stack-small">
      <p className="member">
        <code>{type}</code>
        {schema ? (
          <span className="quiet" lang="en">
            {typeOf(doc, schema)}
          </span>
        ) : null}
      </p>
      <Members doc={doc} schema={schema} />
    </div>
  ));
}

function AnswerOf({ doc, answer }: { doc: Description; answer: Answer }) {
  const statuses = answer.statuses.join(", ");
  const summary = (
    <>
      <code className="strong">{statuses}</code> <span lang="en">{answer.description}</span>
    </>
  );
  if (answer.bodies.length === 0) return <p className="answer">{summary}</p>;
  return (
    <Folded className="nested" summary={summary}>
      {() => <Bodies doc={doc} items={answer.bodies} />}
    </Folded>
  );
}

function Told({ doc, operation }: { doc: Description; operation: Operation }) {
  const t = useText();
  const of = `${operation.method} ${operation.path}`;
  const link = `${serverUrl("docs/api")}#${operation.id}`;
  return (
    <div className="told">
      {operation.description ? <p lang="en">{operation.description}</p> : null}
      <p className="row">
        <span>{t(operation.anybody ? `reference.open.${operation.login}` : `reference.login.${operation.login}`)}</span>
        <CopyButton text={link} what={t("reference.linkTo", { of })} label={t("reference.copyLink")} />
      </p>
      <Command text={curlOf(doc, operation, serverUrl(""))} what={t("reference.curlFor", { of })} />
      {operation.parameters.length > 0 ? (
        <>
          <h4>{t("reference.parameters")}</h4>
          <Parameters doc={doc} items={operation.parameters} of={of} />
        </>
      ) : null}
      {operation.bodies.length > 0 ? (
        <>
          <h4>{t("reference.body")}</h4>
          <Bodies doc={doc} items={operation.bodies} />
        </>
      ) : null}
      <h4>{t("reference.answers")}</h4>
      {operation.answers.map((answer) => (
        <AnswerOf key={answer.statuses.join()} doc={doc} answer={answer} />
      ))}
    </div>
  );
}

const TONES: Record<string, Tone> = { GET: "run", POST: "good", PUT: "wait", PATCH: "wait", DELETE: "bad" };

export function OperationView({ doc, operation }: { doc: Description; operation: Operation }) {
  const { hash } = useLocation();
  return (
    <Folded
      id={operation.id}
      className="operation"
      wanted={hash === `#${operation.id}`}
      summary={
        <>
          <span className={`method pill-${TONES[operation.method] ?? "off"}`}>{operation.method}</span>
          <h3>
            <code>{operation.path}</code>
          </h3>
          <span className="quiet" lang="en">
            {operation.summary}
          </span>
        </>
      }
    >
      {() => <Told doc={doc} operation={operation} />}
    </Folded>
  );
}
