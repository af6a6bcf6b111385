// What a body or a value is made of: its members, with those of members folded until somebody wants them.
import { type ReactNode, useEffect, useState } from "react";
import { choices, type Description, type Field, fieldsOf, limitsOf, type Schema, textOf, typeOf } from "./description";
import { useText } from "./text";

interface FoldedProps {
  summary: ReactNode;
  className?: string;
  id?: string;
  /** Opens it when it becomes true. */
  wanted?: boolean;
  children: () => ReactNode;
}

/** Its content is made when it is opened: schemas refer to each other without end. */
export function Folded({ summary, className, id, wanted = false, children }: FoldedProps) {
  const [open, setOpen] = useState(wanted);
  useEffect(() => {
    if (wanted) setOpen(true);
  }, [wanted]);
  return (
    <details id={id} className={className} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {open ? children() : null}
    </details>
  );
}

export function Limits({ doc, schema }: { doc: Description; schema: Schema | undefined }) {
  return limitsOf(doc, schema).map(([word, value]) => (
    <span key={word} className="limit">
      {word}: <code>{value}</code>
    </span>
  ));
}

function Member({ doc, field }: { doc: Description; field: Field }) {
  const t = useText();
  const { name, schema, required } = field;
  const text = textOf(doc, schema);
  return (
    <li>
      <div className="member">
        <code className="strong">{name}</code>
        <span className="quiet" lang="en">
          {typeOf(doc, schema)}
        </span>
        {required ? <span className="chip">{t("reference.required")}</span> : null}
        <Limits doc={doc} schema={schema} />
      </div>
      {text ? <p lang="en">{text}</p> : null}
      <Members doc={doc} schema={schema} folded={name} />
    </li>
  );
}

function List({ doc, fields }: { doc: Description; fields: Field[] }) {
  return (
    <ul className="members">
      {fields.map((field) => (
        <Member key={field.name} doc={doc} field={field} />
      ))}
    </ul>
  );
}

/** `folded`: whose members these are, where they are shown on demand. */
export function Members({ doc, schema, folded }: { doc: Description; schema: Schema | undefined; folded?: string }) {
  const t = useText();
  const fields = fieldsOf(doc, schema);
  if (fields.length === 0) {
    return choices(doc, schema).map((choice, i) => (
      <Folded key={i} className="nested" summary={t("reference.choice", { n: i + 1, type: typeOf(doc, choice) })}>
        {() => <List doc={doc} fields={fieldsOf(doc, choice)} />}
      </Folded>
    ));
  }
  if (folded === undefined) return <List doc={doc} fields={fields} />;
  return (
    <Folded className="nested" summary={t("reference.members", { name: folded, n: fields.length })}>
      {() => <List doc={doc} fields={fields} />}
    </Folded>
  );
}
