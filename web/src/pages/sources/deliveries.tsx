// What a webhook delivered, and what came of it.
import { MinusCircleOutlined } from "@ant-design/icons";
import { Button } from "antd";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { api, type Delivery, type DeliveryReplay, path, type Source } from "../../api";
import { useBuildsOf, useChange, useDeliveries } from "../../queries";
import { announce } from "../../ui/announce";
import { CursorPager, useParam } from "../../ui/cursor";
import { Ref } from "../../ui/domain";
import { Section } from "../../ui/page";
import { Pill, type Tone } from "../../ui/pill";
import { useMayIn } from "../../ui/roles";
import { Nothing, ProblemAlert, Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Commit, StatePill, Time } from "../../ui/values";
import { buildUrl } from "../../urls";
import { useText } from "./text";

const SHOWN_CHANGES = 5;
const OUTCOMES: Record<Delivery["outcome"], [Tone, ReactNode?]> = {
  accepted: ["good"],
  ignored: ["off", <MinusCircleOutlined key="i" />],
  refused: ["bad"],
  failed: ["bad"],
};

function Outcome({ outcome }: { outcome: Delivery["outcome"] }) {
  const t = useText();
  const [tone, icon] = OUTCOMES[outcome];
  return (
    <Pill tone={tone} icon={icon} sentence={outcome === "refused" ? t("sources.refusedText") : undefined}>
      {t(`sources.outcome.${outcome}`)}
    </Pill>
  );
}

/** Those that one may see; the rest is a number. */
function Builds({ delivery }: { delivery: Delivery }) {
  const t = useText();
  const builds = useBuildsOf(delivery.id, delivery.builds).data?.items ?? [];
  if (delivery.builds === 0) return <span className="quiet">–</span>;
  const more = delivery.builds - builds.length;
  return (
    <div className="stack-small">
      {builds.map((build) => (
        <Link key={build.id} to={buildUrl(build.repository, build.id)} className="plain">
          <StatePill state={build.status} sentence={build.repository} />
        </Link>
      ))}
      {more > 0 ? <span className="quiet">{t("sources.buildsHidden", { n: more })}</span> : null}
    </div>
  );
}

function Changes({ delivery }: { delivery: Delivery }) {
  const t = useText();
  const more = delivery.changes.length - SHOWN_CHANGES;
  return (
    <div>
      {delivery.changes.slice(0, SHOWN_CHANGES).map((c) => (
        <p key={c.ref}>
          <Ref name={c.ref} /> {c.commit ? <Commit id={c.commit} /> : null} {c.deleted ? t("sources.deletedRef") : null}
        </p>
      ))}
      {more > 0 ? <p className="quiet">{t("sources.moreRefs", { n: more })}</p> : null}
      <p className="quiet">{delivery.detail}</p>
    </div>
  );
}

export function Deliveries({ source }: { source: Source }) {
  const t = useText();
  const [cursor] = useParam("cursor");
  const deliveries = useDeliveries(source.id, cursor);
  const mayReplay = useMayIn(source.namespace, "develop");
  const replay = useChange(
    (id: string) => api.post<DeliveryReplay>(`${path`sources/${source.id}/deliveries/${id}`}:replay`),
    [["sources"], ["builds"]],
    () => announce(t("sources.replayed")),
  );
  const actions: Column<Delivery> = {
    title: t("sources.actions"),
    narrow: true,
    render: (item) => (
      <div className="actions">
        <Button
          type="link"
          disabled={item.outcome === "refused"}
          aria-label={t("sources.replayNamed", { id: item.id })}
          onClick={() => replay.mutate(item.id)}
        >
          {t("sources.replay")}
        </Button>
      </div>
    ),
  };
  return (
    <Section title={t("sources.deliveries")}>
      {replay.error ? <ProblemAlert error={replay.error} /> : null}
      <Shown query={deliveries}>
        {(page) => (
          <>
            {page.items.length === 0 ? (
              <Nothing title={t("sources.noDeliveries")} />
            ) : (
              <Table
                caption={t("sources.deliveries")}
                rows={page.items}
                rowKey={(item) => item.id}
                columns={[
                  { title: t("sources.received"), narrow: true, render: (item) => <Time at={item.receivedAt} /> },
                  { title: t("sources.event"), render: (item) => <code>{item.event || "–"}</code> },
                  { title: t("sources.outcome"), render: (item) => <Outcome outcome={item.outcome} /> },
                  { title: t("sources.changes"), render: (item) => <Changes delivery={item} /> },
                  { title: t("sources.builds"), render: (item) => <Builds delivery={item} /> },
                  ...(mayReplay ? [actions] : []),
                ]}
              />
            )}
            <CursorPager next={page.next} busy={deliveries.isPlaceholderData} />
          </>
        )}
      </Shown>
    </Section>
  );
}
