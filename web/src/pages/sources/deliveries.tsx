// What a webhook delivered, and what came of it.
import { Button } from "antd";
import { api, type Delivery, type DeliveryReplay, path, type Source } from "../../api";
import { useChange, useDeliveries } from "../../queries";
import { announce } from "../../ui/announce";
import { CursorPager, useParam } from "../../ui/cursor";
import { Section } from "../../ui/page";
import { Nothing, ProblemAlert, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { useText } from "./text";

const SHOWN_CHANGES = 5;

function Changes({ delivery }: { delivery: Delivery }) {
  const t = useText();
  const more = delivery.changes.length - SHOWN_CHANGES;
  return (
    <div>
      {delivery.changes.slice(0, SHOWN_CHANGES).map((c) => (
        <p key={c.ref}>
          <code>{c.ref}</code> {c.commit ? <code>{c.commit.slice(0, 7)}</code> : null} {c.deleted ? t("sources.deletedRef") : null}
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
  const replay = useChange(
    (id: string) => api.post<DeliveryReplay>(`${path`sources/${source.id}/deliveries/${id}`}:replay`),
    [["sources"], ["builds"]],
    () => announce(t("sources.replayed")),
  );
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
                  { title: t("sources.outcome"), render: (item) => t(`sources.outcome.${item.outcome}`) },
                  { title: t("sources.changes"), render: (item) => <Changes delivery={item} /> },
                  { title: t("sources.builds"), narrow: true, render: (item) => item.builds },
                  {
                    title: t("sources.actions"),
                    narrow: true,
                    render: (item) => (
                      <Button type="link" disabled={item.outcome === "refused"} onClick={() => replay.mutate(item.id)}>
                        {t("sources.replay")}
                      </Button>
                    ),
                  },
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
