// What a page shows when it has nothing to show: loading, empty, failed; and a problem with its remedy.
import { Alert, Button, Empty, Skeleton } from "antd";
import type { ReactNode } from "react";
import { ApiError } from "../api";
import { type CommonText, useCommon } from "../i18n/common";
import { useProblemTitle } from "../i18n/problem";

function titleOf(t: CommonText, known: (code: string) => string | undefined, error: ApiError): string {
  if (error.code === "OFFLINE") return t("common.offlineTitle");
  const title = known(error.code);
  if (title) return title;
  if (error.status === 403) return t("common.deniedTitle");
  if (error.status === 404) return t("common.missingTitle");
  if (error.status === 429) return t("common.limitTitle");
  return t("common.failedTitle");
}

/** Code, text and remedy of what went wrong, with a button to try again. */
export function ProblemAlert({ error, retry }: { error: Error; retry?: () => void }) {
  const t = useCommon();
  const titles = useProblemTitle();
  const known = error instanceof ApiError ? error : null;
  const offline = known?.code === "OFFLINE";
  const remedy = offline ? t("common.offlineRemedy") : known?.remedy;
  return (
    <Alert
      className="problem"
      type="error"
      showIcon
      role="alert"
      title={known ? titleOf(t, titles, known) : t("common.failedTitle")}
      description={
        <>
          {offline ? null : <p>{error.message}</p>}
          {known?.fields.length ? (
            <ul>
              {known.fields.map((field) => (
                <li key={field.name}>
                  <code>{field.name}</code>: {field.detail}
                </li>
              ))}
            </ul>
          ) : null}
          {remedy ? (
            <p>
              <strong>{t("common.remedy")}:</strong> {remedy}
            </p>
          ) : null}
          {known && !offline ? <code className="problem-code">{known.code}</code> : null}
        </>
      }
      action={
        retry ? (
          <Button size="small" onClick={retry}>
            {t("common.retry")}
          </Button>
        ) : undefined
      }
    />
  );
}

/** Why something did not happen, in a line below what it is about. */
export function Reason({ error }: { error: { code: string; text: string; remedy: string | null } }) {
  return (
    <p className="hint">
      {error.text}. {error.remedy} <code>{error.code}</code>
    </p>
  );
}

export function Loading({ rows = 6 }: { rows?: number }) {
  const t = useCommon();
  return (
    <div role="status" aria-label={t("common.loading")}>
      <Skeleton active title={false} paragraph={{ rows }} />
    </div>
  );
}

/** Nothing there yet: what this would be, and the way to the first one. */
export function Nothing({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Empty className="nothing" image={Empty.PRESENTED_IMAGE_SIMPLE} description={<strong>{title}</strong>}>
      {children}
    </Empty>
  );
}

interface Asked<T> {
  data: T | undefined;
  error: Error | null;
  isPending: boolean;
  refetch: () => unknown;
}

/** The data of a query once it is there; until then loading or what went wrong. Old data stays beside a new error. */
export function Shown<T>({ query, children, rows }: { query: Asked<T>; children: (data: T) => ReactNode; rows?: number }) {
  return (
    <>
      {query.error ? <ProblemAlert error={query.error} retry={() => void query.refetch()} /> : null}
      {query.data !== undefined ? children(query.data) : query.isPending && !query.error ? <Loading rows={rows} /> : null}
    </>
  );
}
