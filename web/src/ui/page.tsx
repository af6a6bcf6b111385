// The frame of every page: breadcrumb, h1, actions, content; the title of the tab.
import { type ReactNode, useEffect } from "react";
import { Link } from "react-router";
import { useShell } from "../shell/text";
import { announce } from "./announce";

export interface Crumb {
  text: string;
  to?: string;
}

interface PageProps {
  title: string;
  crumbs?: Crumb[];
  /** Beside the title: a state, a lock. */
  badge?: ReactNode;
  /** One sentence below the title. */
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, crumbs = [], badge, lead, actions, children }: PageProps) {
  const t = useShell();
  const where = [title, ...crumbs.map((c) => c.text).reverse()].join(" · ");
  useEffect(() => {
    document.title = `${where} · kiln`;
    announce(title);
  }, [where, title]);
  return (
    <div className="page">
      {crumbs.length > 0 ? (
        <nav className="crumbs" aria-label={t("shell.breadcrumb")}>
          <ol>
            {crumbs.map((crumb) => (
              <li key={crumb.text}>{crumb.to ? <Link to={crumb.to}>{crumb.text}</Link> : crumb.text}</li>
            ))}
            <li aria-current="page">{title}</li>
          </ol>
        </nav>
      ) : null}
      <div className="page-head">
        <div className="page-title">
          <h1>{title}</h1>
          {badge}
        </div>
        {actions ? <div className="page-actions">{actions}</div> : null}
      </div>
      {lead ? <p className="lead">{lead}</p> : null}
      {children}
    </div>
  );
}

/** A part of a page with its own heading and actions. */
export function Section({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="section" aria-label={title}>
      <div className="section-head">
        <h2>{title}</h2>
        {actions ? <div className="page-actions">{actions}</div> : null}
      </div>
      {children}
    </section>
  );
}

/** Names and values, side by side where there is room. */
export function Facts({ items, className = "facts" }: { items: Array<[string, ReactNode]>; className?: string }) {
  return (
    <dl className={className}>
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
