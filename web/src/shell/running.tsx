// How many builds run, in the top bar; leads to them.
import { SyncOutlined } from "@ant-design/icons";
import { Link } from "react-router";
import { useRunning } from "../queries-builds";
import { useShell } from "./text";

export function Running() {
  const t = useShell();
  const found = useRunning().data;
  if (!found) return null;
  const n = found.items.length;
  const words = n > 0 ? t("shell.running", { n }) : t("shell.noneRuns");
  return (
    <Link to="/builds?status=BUILDING" className="running" aria-label={words} title={words}>
      <SyncOutlined spin={n > 0} aria-hidden />
      {n > 0 ? <span aria-hidden="true">{found.next ? `${n}+` : n}</span> : null}
    </Link>
  );
}
