// Builds, newest first, a page at a time; their table is the same for one repository and for all.
import { ArrowUpOutlined } from "@ant-design/icons";
import { Button, Select } from "antd";
import { type ReactNode, useRef } from "react";
import type { Build } from "../../api";
import type { BuildFilter } from "../../queries";
import { useAbove } from "../../ui/above";
import { CursorPager, useParam } from "../../ui/cursor";
import { Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { StatePill } from "../../ui/values";
import { useBuildPage } from "./hold";
import { type BuildColumns, useBuildColumns } from "./table";
import { useText } from "./text";

const STATES = ["PENDING", "BUILDING", "SUCCESS", "FAILED", "CANCELED"] as const;

export function StateField() {
  const t = useText();
  const [status, setStatus] = useParam("status");
  return (
    <Select
      className="state-filter"
      aria-label={t("building.state")}
      value={status}
      onChange={setStatus}
      options={[
        { value: "", label: t("building.allStates") },
        ...STATES.map((state) => ({ value: state, label: <StatePill state={state} /> })),
      ]}
    />
  );
}

const TRIGGERS = ["PUSH", "MANUAL", "API", "RERUN", "SCHEDULE", "BASE_IMAGE"] as const;

export function TriggerField() {
  const t = useText();
  const [trigger, setTrigger] = useParam("trigger");
  return (
    <Select
      className="state-filter"
      aria-label={t("building.trigger")}
      value={trigger}
      onChange={setTrigger}
      options={[
        { value: "", label: t("building.allTriggers") },
        ...TRIGGERS.map((one) => ({ value: one, label: t(`building.trigger.${one}`) })),
      ]}
    />
  );
}

function News({ n, show }: { n: number; show: () => void }) {
  const t = useText();
  return (
    <div role="status" className="news">
      {n > 0 ? (
        <Button type="primary" shape="round" icon={<ArrowUpOutlined aria-hidden />} onClick={show}>
          {t("building.newBuilds", { n })}
        </Button>
      ) : null}
    </div>
  );
}

interface BuildListProps extends BuildColumns {
  filter: BuildFilter;
  caption: string;
  /** Instead of an empty table. */
  none: ReactNode;
}

function BuildTable({ rows, caption, ...more }: BuildColumns & { rows: Build[]; caption: string }) {
  return <Table caption={caption} columns={useBuildColumns(rows, more)} rows={rows} rowKey={(build) => build.id} />;
}

export function BuildList({ filter, caption, none, ...columns }: BuildListProps) {
  const top = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useParam("cursor");
  const { query, busy, news, showNews } = useBuildPage(filter, cursor, useAbove(top));
  const toNews = () => {
    showNews();
    setCursor("");
    top.current?.scrollIntoView();
    top.current?.focus({ preventScroll: true });
  };
  return (
    <>
      <div ref={top} tabIndex={-1} />
      <News n={news} show={toNews} />
      <Shown query={query}>
        {({ items }) => (items.length > 0 ? <BuildTable rows={items} caption={caption} {...columns} /> : none)}
      </Shown>
      <CursorPager next={query.data?.next} busy={busy} />
    </>
  );
}
