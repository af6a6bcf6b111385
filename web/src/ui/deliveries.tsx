// What a webhook delivered, and what came of it.
import { MinusCircleOutlined } from "@ant-design/icons";
import { Button } from "antd";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { api, type Delivery, type DeliveryReplay, path, type Source } from "../api";
import { useHookText } from "../i18n/hook";
import { useBuildsOf, useChange, useDeliveries } from "../queries";
import { buildUrl } from "../urls";
import { announce } from "./announce";
import { CursorPager, useParam } from "./cursor";
import { Ref } from "./domain";
import { Section } from "./page";
import { Pill, type Tone } from "./pill";
import { useMayIn } from "./roles";
import { Nothing, ProblemAlert, Shown } from "./states";
import { type Column, Table } from "./table";
import { Commit, StatePill, Time } from "./values";

/** Of each delivery; what it names beyond these is a number. */
export const SHOWN_CHANGES = 5;
const OUTCOMES: Record<Delivery["outcome"], [Tone, ReactNode?]> = {
  accepted: ["good"],
  ignored: ["off", <MinusCircleOutlined key="i" />],
  refused: ["bad"],
  failed: ["bad"],
};

export type Change = Delivery["changes"][number];

export function Outcome({ outcome }: { outcome: Delivery["outcome"] }) {
  const t = useHookText();
  const [tone, icon] = OUTCOMES[outcome];
  return (
    <Pill tone={tone} icon={icon} sentence={outcome === "refused" ? t("hook.refusedText") : undefined}>
      {t(`hook.outcome.${outcome}`)}
    </Pill>
  );
}

/** Those that one may see, or with `repository` those of that one; the rest is a number. */
function Builds({ delivery, repository }: { delivery: Delivery; repository?: string }) {
  const t = useHookText();
  const builds = useBuildsOf(delivery.id, delivery.builds, repository).data?.items;
  if (delivery.builds === 0) return <span className="quiet">–</span>;
  if (!builds) return null;
  const more = delivery.builds - builds.length;
  return (
    <div className="stack-small">
      {builds.map((build) => (
        <Link key={build.id} to={buildUrl(build.repository, build.id)} className="plain">
          <StatePill state={build.status} sentence={repository ? build.tags.join(", ") || build.id.slice(0, 8) : build.repository} />
        </Link>
      ))}
      {more > 0 ? <span className="quiet">{t(repository ? "hook.buildsElsewhere" : "hook.buildsHidden", { n: more })}</span> : null}
    </div>
  );
}

interface TableProps {
  source: Source;
  items: Delivery[];
  /** Whose builds are shown; without one those of all. */
  repository?: string;
  /** What is made of a change, below it. */
  verdict?: (change: Change) => ReactNode;
}

function Changes({ delivery, verdict }: { delivery: Delivery; verdict?: TableProps["verdict"] }) {
  const t = useHookText();
  const more = delivery.changes.length - SHOWN_CHANGES;
  return (
    <div>
      {delivery.changes.slice(0, SHOWN_CHANGES).map((c) => (
        <div key={c.ref}>
          <p>
            <Ref name={c.ref} /> {c.commit ? <Commit id={c.commit} /> : null} {c.deleted ? t("hook.deletedRef") : null}
          </p>
          {verdict?.(c)}
        </div>
      ))}
      {more > 0 ? <p className="quiet">{t("hook.moreRefs", { n: more })}</p> : null}
      <p className="quiet">{delivery.detail}</p>
    </div>
  );
}

export function DeliveryTable({ source, items, repository, verdict }: TableProps) {
  const t = useHookText();
  const mayReplay = useMayIn(source.namespace, "develop");
  const replay = useChange(
    (id: string) => api.post<DeliveryReplay>(`${path`sources/${source.id}/deliveries/${id}`}:replay`),
    [["sources"], ["builds"]],
    () => announce(t("hook.replayed")),
  );
  const actions: Column<Delivery> = {
    title: t("hook.actions"),
    narrow: true,
    render: (item) => (
      <div className="actions">
        <Button
          type="link"
          disabled={item.outcome === "refused"}
          aria-label={t("hook.replayNamed", { id: item.id })}
          onClick={() => replay.mutate(item.id)}
        >
          {t("hook.replay")}
        </Button>
      </div>
    ),
  };
  return (
    <>
      {replay.error ? <ProblemAlert error={replay.error} /> : null}
      <Table
        caption={t("hook.deliveries")}
        rows={items}
        rowKey={(item) => item.id}
        columns={[
          { title: t("hook.received"), narrow: true, render: (item) => <Time at={item.receivedAt} /> },
          { title: t("hook.event"), render: (item) => <code>{item.event || "–"}</code> },
          { title: t("hook.outcome"), render: (item) => <Outcome outcome={item.outcome} /> },
          { title: t("hook.changes"), render: (item) => <Changes delivery={item} verdict={verdict} /> },
          { title: t("hook.builds"), render: (item) => <Builds delivery={item} repository={repository} /> },
          ...(mayReplay ? [actions] : []),
        ]}
      />
    </>
  );
}

interface DeliveriesProps {
  source: Source;
  /** Only those that made builds of this one. */
  madeFor?: string;
  /** Above the list. */
  tools?: ReactNode;
  /** Instead of the table alone. */
  children?: (items: Delivery[]) => ReactNode;
}

/** The section of them, page by page. */
export function Deliveries({ source, madeFor, tools, children }: DeliveriesProps) {
  const t = useHookText();
  const [cursor] = useParam("cursor");
  const deliveries = useDeliveries(source.id, cursor, madeFor);
  return (
    <Section title={t("hook.deliveries")}>
      {tools}
      <Shown query={deliveries}>
        {({ items, next }) => (
          <>
            {items.length === 0 ? (
              <Nothing title={t(madeFor ? "hook.noneMade" : "hook.noDeliveries")} />
            ) : (
              (children?.(items) ?? <DeliveryTable source={source} items={items} />)
            )}
            <CursorPager next={next} busy={deliveries.isPlaceholderData} />
          </>
        )}
      </Shown>
    </Section>
  );
}
